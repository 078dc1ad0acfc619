// rule: a loop pragma stands before a loop
// expect: 7:3 loop to follow the unroll pragma
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  #pragma unroll
  y[i] = 1.0f;
}
