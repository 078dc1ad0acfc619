// rule: float4x4 and float3x3: products, columns, transposition, determinant
// out: 10 3 32 24
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]]) {
  float4x4 m = float4x4(float4(1), float4(2), float4(3), float4(4));
  float4 v = m * float4(1);
  out[0] = v.y;
  out[1] = m[2][1];
  float3x3 a = float3x3(1.0f), b = float3x3(float3(2, 0, 0), float3(0, 3, 0), float3(0, 0, 4));
  out[2] = (transpose(b) * a * b * float3(0, 0, 2)).z;
  out[3] = determinant(b);
}
