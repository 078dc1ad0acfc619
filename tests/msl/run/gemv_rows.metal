// rule: matrix times vector, a row for each simdgroup, float4 loads
// threads: 64
// out: 496 496
#include <metal_stdlib>
using namespace metal;
kernel void gemv(device const float4 *in [[buffer(0)]],
                 device float *out [[buffer(1)]],
                 uint row [[simdgroup_index_in_threadgroup]],
                 uint lane [[thread_index_in_simdgroup]]) {
  float s = 0;
  for (uint k = lane; k < 8; k += 32) s += dot(in[k], float4(1));
  s = simd_sum(s);
  if (simd_is_first()) out[row] = s;
}
