// rule: bfloat and integers convert as arithmetic types do; matrices of bfloat
// out: 0 1.5 3 4 2 5
#include <metal_stdlib>
using namespace metal;
typedef matrix<bfloat, 4, 4> bfloat4x4;
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  bfloat b = bfloat(1.5f);
  out[0] = in[0] > 0 ? b : 0;
  out[1] = in[1] > 0 ? b : 0;
  out[2] = b * 2;
  bfloat4 v = 4;
  out[3] = v.w;
  int n = bfloat(2.75f);
  out[4] = n;
  float4x4 m = float4x4(5.0f);
  bfloat4x4 c = (bfloat4x4)m;
  out[5] = c[3][3];
}
