// rule: a user function named like the library's is refused
// expect: 5:14 overloading the library function 'max' is not supported
#include <metal_stdlib>
using namespace metal;
static float max(float a) { return a; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1.0f;
}
