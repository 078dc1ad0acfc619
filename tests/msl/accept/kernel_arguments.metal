// rule: buffers by pointer and reference, indices given or in order
#include <metal_stdlib>
using namespace metal;
struct Params { uint n; float scale; packed_float3 p; };
[[max_total_threads_per_threadgroup(256)]]
kernel void f(device float *x, constant Params &p, device half *z [[buffer(0)]],
              constant ulong *n [[buffer(30)]], device bool *flags,
              const device float4 *const v [[buffer(5)]], device const char *c,
              threadgroup float *t [[threadgroup(0)]],
              uint i [[thread_position_in_grid]]) {
  if (i < p.n) x[i] = z[i] * p.scale + n[0] + flags[i] + v[i].x + c[i] + t[0] + p.p.x;
}
