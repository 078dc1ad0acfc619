// rule: SIMD-group functions on 8 to 32 bit types
// family: 8
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float x = y[i];
  x = simd_sum(x) + simd_max(x) + simd_min(x) + simd_product(x);
  x += simd_shuffle(x, ushort(3)) + simd_shuffle_xor(x, 1) + simd_shuffle_down(x, 2u) + simd_shuffle_up(x, 1);
  x += simd_broadcast(x, 0) + simd_broadcast_first(x) + simd_shuffle_rotate_down(x, 1);
  x += simd_prefix_inclusive_sum(x) + simd_prefix_exclusive_product(x);
  x += simd_shuffle_and_fill_up(x, 0.0f, 1) + simd_shuffle_and_fill_down(x, 0.0f, 1, 16);
  uint u = simd_and(i) | simd_or(i) ^ simd_xor(i);
  half4 h = simd_sum(half4(1.0h));
  short s = simd_max(short(1));
  bool b = simd_all(i < 3) || simd_any(i == 4) || simd_is_first();
  simd_vote v = simd_ballot(b);
  ulong bits = ulong(simd_vote::vote_t(v)) | ulong(simd_vote::vote_t(simd_active_threads_mask()));
  x += quad_sum(x) + quad_broadcast(x, 2) + quad_shuffle_xor(x, 1) + quad_max(x);
  y[i] = x + u + h.x + s + bits;
}
