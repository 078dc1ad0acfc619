// rule: a matrix is made of one of the same size; m.columns[i] is m[i]
// out: 5 5 6 9 1 0 3 12 8
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  float3x3 m(float3(in[1], in[2], in[3]), float3(in[4], in[5], in[6]),
             float3(in[7], in[8], in[9]));
  out[0] = m.columns[1].y;
  m.columns[2].x = in[5];
  out[1] = m[2][0];
  half3x3 narrow(m);
  out[2] = narrow[1][2];
  float3x3 wide = float3x3(narrow);
  out[3] = wide.columns[2].z;
  half2x4 diagonal(1.0h);
  float2x4 other(diagonal);
  out[4] = other[1][1];
  out[5] = other[1][0];
  float3x3 same = float3x3(m);
  out[6] = same[0][2];
  m.columns[1] = m.columns[0] + m.columns[2];
  out[7] = m[1].z;
  int i = int(in[2]);
  out[8] = m.columns[i].y;
}
