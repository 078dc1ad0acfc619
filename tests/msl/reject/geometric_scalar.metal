// rule: geometric functions take vectors
// expect: 8:10 no matching function for call to 'cross'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float2 a = 1.0f;
  y[i] = cross(a, a).x;
}
