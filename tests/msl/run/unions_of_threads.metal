// rule: unions in thread memory, each thread its own
// threads: 4
// out: 1 2 4 8 15360 16384 17408 18432
#include <metal_stdlib>
using namespace metal;
typedef union { half f16; ushort u16; } scale_t;
union quad { float4 v; float a[4]; };
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]],
              uint i [[thread_position_in_grid]]) {
  scale_t s;
  s.f16 = half(exp2(in[i]));
  out[4 + i] = s.u16;
  quad q = {};
  for (uint k = 0; k < 4; k++) q.a[k] = k == i ? float(s.f16) : 0.0f;
  out[i] = dot(q.v, float4(1.0f));
}
