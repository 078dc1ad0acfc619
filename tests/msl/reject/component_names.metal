// rule: components must exist and not be mixed
// expect: 9:12 vector of type 'float2' has no component 'z'
// expect: 10:9 has no component 'xg'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float2 v = 1.0f;
  y[i] = v.z;
  v = v.xg;
}
