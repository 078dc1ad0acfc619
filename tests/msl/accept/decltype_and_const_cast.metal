// rule: decltype names the type of an expression; const_cast drops const
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  decltype(y[i]) a = y[i];
  decltype(i) n = i;
  decltype(1.0h * n) b = 1.0h;
  float4 v = 1.0f;
  decltype(v.xy) c = v.zw;
  device const float *p = y;
  *const_cast<device float *>(p) = b + c.x + n;
  a = 2.0f;
}
