// rule: array sizes are positive constants
// expect: 8:11 must be a constant integer expression
// expect: 9:11 must be positive, not 0
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a[i];
  float b[0];
}
