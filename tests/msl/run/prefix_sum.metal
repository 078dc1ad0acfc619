// rule: an inclusive scan of 64 by simdgroups and their totals
// threads: 64
// out: 0 1 3 6 10 15
#include <metal_stdlib>
using namespace metal;
kernel void scan(device const float *in [[buffer(0)]],
                 device float *out [[buffer(1)]],
                 uint i [[thread_position_in_threadgroup]],
                 uint lane [[thread_index_in_simdgroup]],
                 uint g [[simdgroup_index_in_threadgroup]]) {
  threadgroup float totals[32];
  float x = simd_prefix_inclusive_sum(in[i]);
  if (lane == 31) totals[g] = x;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (g > 0) x += totals[0];
  out[i] = x;
}
