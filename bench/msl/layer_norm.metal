// Layer norm of rows of 1024 floats: a threadgroup of 256 threads keeps a row
// in registers, four elements a thread; weight and bias for each column.
#include <metal_stdlib>
using namespace metal;

kernel void layer_norm(device const float4 *x [[buffer(0)]],
                       device const float4 *weight [[buffer(1)]],
                       device const float4 *bias [[buffer(2)]],
                       device float4 *out [[buffer(3)]],
                       uint row [[threadgroup_position_in_grid]],
                       uint tid [[thread_index_in_threadgroup]],
                       uint lane [[thread_index_in_simdgroup]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float sum_of[8];
  threadgroup float square_of[8];
  const float4 v = x[row * 256 + tid];
  float sum = simd_sum(v.x + v.y + v.z + v.w);
  if (lane == 0) sum_of[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < 8 ? sum_of[lane & 7] : 0.0f);
  const float4 d = v - sum * (1.0f / 1024.0f);
  const float4 s = d * d;
  float square = simd_sum(s.x + s.y + s.z + s.w);
  if (lane == 0) square_of[simdgroup] = square;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  square = simd_sum(lane < 8 ? square_of[lane & 7] : 0.0f);
  const float scale = rsqrt(square * (1.0f / 1024.0f) + 1e-5f);
  out[row * 256 + tid] = d * scale * weight[tid] + bias[tid];
}
