// Sum of many floats in two stages: threadgroups of 256 threads leave one
// partial sum each, and one threadgroup adds those.
#include <metal_stdlib>
using namespace metal;

static float group_sum(float value, threadgroup float *part, uint lane,
                       uint simdgroup) {
  value = simd_sum(value);
  if (lane == 0) part[simdgroup] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return simd_sum(lane < 8 ? part[lane & 7] : 0.0f);
}

kernel void sum_parts(device const float4 *x [[buffer(0)]],
                      device float *partial [[buffer(1)]],
                      constant uint &per_group [[buffer(2)]],
                      uint group [[threadgroup_position_in_grid]],
                      uint tid [[thread_index_in_threadgroup]],
                      uint lane [[thread_index_in_simdgroup]],
                      uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float part[8];
  float4 sum = 0.0f;
  device const float4 *from = x + group * per_group;
  for (uint i = tid; i < per_group; i += 256) sum += from[i];
  float all = group_sum(sum.x + sum.y + sum.z + sum.w, part, lane, simdgroup);
  if (tid == 0) partial[group] = all;
}

kernel void sum_all(device const float *partial [[buffer(0)]],
                    device float *out [[buffer(1)]],
                    constant uint &count [[buffer(2)]],
                    uint tid [[thread_index_in_threadgroup]],
                    uint lane [[thread_index_in_simdgroup]],
                    uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float part[8];
  float sum = 0.0f;
  for (uint i = tid; i < count; i += 256) sum += partial[i];
  float all = group_sum(sum, part, lane, simdgroup);
  if (tid == 0) *out = all;
}
