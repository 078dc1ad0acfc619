// rule: constant indices must be inside
// expect: 10:12 index 4 is outside of 'float [4]'
// expect: 10:19 index -1 is outside of 'float4'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a[4];
  float4 v = 1.0f;
  y[i] = a[4] + v[-1];
}
