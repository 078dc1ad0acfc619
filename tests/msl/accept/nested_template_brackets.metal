// rule: >> closes two lists of template arguments, and shifts elsewhere
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  array<vec<float, 4>, 2> a = {float4(1.0f)};
  array<vec<float, (4 >> 1)>, 2> b = {float2(1.0f)};
  uint s = i >> 2 > 1 ? i >>1 : i;
  s >>= 1;
  y[i] = a[0].x + b[1].y + s;
}
