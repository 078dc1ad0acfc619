// rule: RMS norm of a row of float4, epsilon from constant memory
// threads: 32
// within: 1e-6
// out: 0.5 0.5 0.5 0.5
#include <metal_stdlib>
using namespace metal;
constant float eps = 0.0f;
kernel void rms(device const float4 *in [[buffer(0)]],
                device float4 *out [[buffer(1)]],
                ushort lane [[thread_index_in_simdgroup]]) {
  float4 x = in[0] * 0.0f + float4(lane < 16 ? 1.0f : 3.0f);
  float s = simd_sum(dot(x, x)) / (4 * 32);
  out[lane] = x * rsqrt(s + eps) * sqrt(5.0f) * 0.5f;
}
