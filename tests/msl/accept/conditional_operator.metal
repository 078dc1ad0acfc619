// rule: ?: with a scalar condition; the arms convert to a common type
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 a = i < 3 ? float4(1.0f) : float4(2.0f);
  float b = i ? 1.0h : 2.0f;
  device float *p = i > 2 ? y : y + 1;
  y[i] = a.x + b + *p + (i == 0 ? i == 1 ? 1 : 2 : 3);
}
