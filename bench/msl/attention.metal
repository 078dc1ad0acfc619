// Flash attention forward, head 64, float: a threadgroup of 4 simdgroups
// takes 32 rows of queries, a simdgroup 8 of them, and goes over keys and
// values 32 at a time with running maximum and sum.
#include <metal_stdlib>
using namespace metal;

typedef simdgroup_matrix<float, 8, 8> matrix8;

kernel void attention(device const float *q [[buffer(0)]],
                      device const float *k [[buffer(1)]],
                      device const float *v [[buffer(2)]],
                      device float *out [[buffer(3)]],
                      constant uint &n [[buffer(4)]],
                      uint group [[threadgroup_position_in_grid]],
                      uint lane [[thread_index_in_simdgroup]],
                      uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float memory[4][8 * 32 + 8 * 8];
  threadgroup float *score = memory[simdgroup];
  threadgroup float *factor = score + 8 * 32;
  const uint row = group * 32 + simdgroup * 8;
  matrix8 query[8], sum[8]; // queries turned: a column each
  for (int i = 0; i < 8; i++) {
    simdgroup_load(query[i], q + row * 64 + i * 8, 64, ulong2(0, 0), true);
    sum[i] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  }
  // Four lanes hold one row: its maximum, its sum, 8 of its 32 scores.
  const uint mine = lane >> 2, at = mine * 32 + (lane & 3) * 8;
  float most = -INFINITY, total = 0.0f;
  for (uint key = 0; key < n; key += 32) {
    for (int j = 0; j < 4; j++) {
      matrix8 s = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
      for (int i = 0; i < 8; i++) {
        matrix8 left;
        simdgroup_load(left, k + (key + j * 8) * 64 + i * 8, 64);
        simdgroup_multiply_accumulate(s, left, query[i], s);
      }
      simdgroup_store(s, score + j * 8, 32, ulong2(0, 0), true);
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    threadgroup float4 *p = (threadgroup float4 *)(score + at);
    const float4 x = p[0] * 0.125f, y = p[1] * 0.125f;
    const float4 z = max(x, y);
    float now = max(max(z.x, z.y), max(z.z, z.w));
    now = max(now, quad_shuffle_xor(now, 1));
    now = max(most, max(now, quad_shuffle_xor(now, 2)));
    const float4 ex = exp(x - now), ey = exp(y - now), e = ex + ey;
    float part = e.x + e.y + e.z + e.w;
    part += quad_shuffle_xor(part, 1);
    part += quad_shuffle_xor(part, 2);
    const float scale = exp(most - now);
    total = total * scale + part;
    most = now;
    p[0] = ex;
    p[1] = ey;
    // The old sums shrink by the row's factor: a diagonal matrix.
    threadgroup float2 *f = (threadgroup float2 *)(factor + lane * 2);
    const uint column = (lane & 3) * 2;
    *f = float2(column == mine ? scale : 0.0f,
                column + 1 == mine ? scale : 0.0f);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    matrix8 left[4], shrink;
    for (int j = 0; j < 4; j++) simdgroup_load(left[j], score + j * 8, 32);
    simdgroup_load(shrink, factor, 8);
    for (int i = 0; i < 8; i++) {
      simdgroup_multiply(sum[i], shrink, sum[i]);
      for (int j = 0; j < 4; j++) {
        matrix8 right;
        simdgroup_load(right, v + (key + j * 8) * 64 + i * 8, 64);
        simdgroup_multiply_accumulate(sum[i], left[j], right, sum[i]);
      }
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
  }
  const uint column = (lane & 3) * 2;
  *(threadgroup float2 *)(factor + lane * 2) =
      float2(column == mine ? 1.0f / total : 0.0f,
             column + 1 == mine ? 1.0f / total : 0.0f);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  matrix8 scale;
  simdgroup_load(scale, factor, 8);
  for (int i = 0; i < 8; i++) {
    simdgroup_multiply(sum[i], scale, sum[i]);
    simdgroup_store(sum[i], out + row * 64 + i * 8, 64);
  }
}
