// rule: bfloat: arithmetic with itself and float, explicit conversions otherwise
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bfloat a = bfloat(1.5f), b = bfloat(2);
  bfloat c = a * b + a;
  float d = c;
  float e = c + 1.0f;
  half h = half(c);
  bfloat4 v = bfloat4(float4(1.0f));
  bool less = a < b && !isnan(a);
  y[i] = d + e + h + float(v.x) + less;
}
