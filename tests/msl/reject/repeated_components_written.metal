// rule: a component may be written once
// expect: 8:8 expression is not assignable
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 v = 1.0f;
  v.xx = float2(1.0f);
}
