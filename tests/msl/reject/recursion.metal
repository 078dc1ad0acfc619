// rule: recursion is refused
// expect: 6:30 recursion is not supported
#include <metal_stdlib>
using namespace metal;
static int g(int n);
static int h(int n) { return g(n - 1); }
static int g(int n) { return n < 1 ? 0 : h(n); }
