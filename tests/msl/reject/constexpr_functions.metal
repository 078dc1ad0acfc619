// rule: a call that is no constant expression where one is needed
// expect: 10:18 the call of 'quotient' is no constant expression
// expect: 11:15 the call of 'forever' is no constant expression
// expect: 12:16 the call of 'plain' is no constant expression
#include <metal_stdlib>
using namespace metal;
constexpr int quotient(int a, int b) { return a / b; }
constexpr int forever(int a) { for (;;) a ^= 1; return a; }
static int plain(int a) { return a; }
constant int a = quotient(1, 0);
static_assert(forever(1) == 0, "");
constant int b[plain(2)] = {1};
