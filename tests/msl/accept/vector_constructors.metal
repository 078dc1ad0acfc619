// rule: vectors from scalars and vectors of exactly as many elements
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float2 a = float2(1.0f);
  float3 b = float3(a, 2);
  float4 c = float4(1.0, 2, 3.0f, 4u);
  float4 d = float4(a, a), e = float4(1.0f, b);
  float4 g(2.0f);
  float4 h{1.0f, 2.0f, 3.0f, 4.0f};
  float4 k = {1.0f, 2.0f, 3.0f, 4.0f};
  half4 m = half4(c);
  int4 n = int4(m);
  vec<float, 4> o = vec<float, 4>(n);
  y[i] = d.x + e.y + g.z + h.w + k.x + o.y;
}
