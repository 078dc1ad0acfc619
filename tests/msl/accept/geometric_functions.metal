// rule: geometric functions take vectors; matrices multiply
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float3 a = float3(1, 2, 3), b = float3(4, 5, 6);
  float r = dot(a, b) + length(a) + distance(a, b) + length_squared(b);
  a = normalize(cross(a, b)) + reflect(a, b) + refract(a, b, 0.5f) + faceforward(a, b, a);
  float4x4 m = float4x4(1.0f);
  m[3] = float4(1.0f);
  m[0][1] = 2.0f;
  float4 v = m * float4(a, 1.0f) + float4(1.0f) * m;
  float2x3 n = float2x3(float3(1.0f), float3(2.0f));
  float3 w = n * float2(1.0f);
  float3x2 t = transpose(n);
  m = m * m + 2.0f * m;
  y[i] = r + v.x + w.y + t[0].x + determinant(m);
}
