// rule: a row's softmax by simdgroup and threadgroup reductions
// threads: 64
// within: 1e-5
// out: 0.015625 0.015625 0.015625
#include <metal_stdlib>
using namespace metal;
kernel void softmax(device const float *in [[buffer(0)]],
                    device float *out [[buffer(1)]],
                    uint i [[thread_position_in_threadgroup]],
                    uint lane [[thread_index_in_simdgroup]],
                    uint group [[simdgroup_index_in_threadgroup]],
                    uint groups [[simdgroups_per_threadgroup]]) {
  threadgroup float part[32];
  float x = in[i / 64] * 3.0f;
  float m = simd_max(x);
  if (lane == 0) part[group] = m;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  m = simd_max(lane < groups ? part[lane] : -INFINITY);
  float e = exp(x - m), s = simd_sum(e);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0) part[group] = s;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  s = simd_sum(lane < groups ? part[lane] : 0.0f);
  out[i] = e / s;
}
