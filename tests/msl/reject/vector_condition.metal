// rule: ?: needs a scalar condition; use select
// expect: 9:10 the condition of ?: must be a scalar
// expect: 10:9 not contextually convertible to 'bool'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 a = 1.0f;
  a = (a < 0.0f) ? a : -a;
  if (a == a) y[i] = 1.0f;
}
