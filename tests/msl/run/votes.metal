// rule: votes and masks of simdgroups and quadgroups, also in branches
// threads: 32
// out: 59 27 27 27 43 11 11 11 43 11 11 11 43 11 11 11 43 11 11 11 43 11 11 11 43 11 11 11 43 11 11 11 15 15 15 15 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 4026531840 4026531840 4026531840 4026531840 17 17 17 3
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]],
              ushort i [[thread_index_in_simdgroup]]) {
  bool any = simd_any(i == 5), all = simd_all(i < 32);
  bool not_all = simd_all(i < 31), quad = quad_any(i % 4 == 2);
  bool whole = quad_all(i < 6), first = quad_is_first();
  out[i] = any + 2 * all + 4 * not_all + 8 * quad + 16 * whole + 32 * first;
  float seen;
  if (i < 4) {
    seen = ulong(simd_vote::vote_t(simd_active_threads_mask()));
  } else if (i >= 28) {
    seen = ulong(simd_vote::vote_t(simd_active_threads_mask()));
  } else {
    seen = simd_is_first(); // lane 4
  }
  out[32 + i] = seen;
  uint odd = uint(quad_vote::vote_t(quad_ballot(i & 1))), here = 0;
  if (i % 4 < 3) here = uint(quad_vote::vote_t(quad_active_threads_mask()));
  if (i < 3) out[64 + i] = odd + here; // 0b1010 and 0b0111
  if (i == 3) out[67] = popcount(uint(quad_vote::vote_t(quad_ballot(true)))) + 2;
}
