// rule: what cannot be included or asked for
// expect: 7:1 expected a header's name, as <metal_stdlib>, after #include
// expect: 8:1 'local.h' file not found
// expect: 9:5 expected (<header>) after '__has_include'
#include <metal_stdlib>
using namespace metal;
#include metal_math
#include "local.h"
#if __has_include(metal_math)
constant int found = 1;
#endif
kernel void f(device float *y [[buffer(0)]]) { y[0] = 1; }
