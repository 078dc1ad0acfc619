// rule: templates are refused by name
// expect: 5:1 templates are not supported by this front end
#include <metal_stdlib>
using namespace metal;
template <typename T> T twice(T x) { return x + x; }
