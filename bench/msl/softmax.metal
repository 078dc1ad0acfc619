// Softmax of rows of 1024 floats: a row a threadgroup of 256 threads. Maximum
// and sum go through simdgroups, then through threadgroup memory.
#include <metal_stdlib>
using namespace metal;

kernel void softmax(device const float4 *x [[buffer(0)]],
                    device float4 *out [[buffer(1)]],
                    uint row [[threadgroup_position_in_grid]],
                    uint tid [[thread_index_in_threadgroup]],
                    uint lane [[thread_index_in_simdgroup]],
                    uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float most_of[8];
  threadgroup float sum_of[8];
  const float4 v = x[row * 256 + tid];
  float most = simd_max(max(max(v.x, v.y), max(v.z, v.w)));
  if (lane == 0) most_of[simdgroup] = most;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  most = simd_max(most_of[lane & 7]);
  const float4 e = exp(v - most);
  float sum = simd_sum(e.x + e.y + e.z + e.w);
  if (lane == 0) sum_of[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < 8 ? sum_of[lane & 7] : 0.0f);
  out[row * 256 + tid] = e * (1.0f / sum);
}
