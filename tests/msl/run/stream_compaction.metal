// rule: places of the lanes that keep their value, by a ballot
// threads: 32
// out: 0 3 6 9 12 15 18 21 24 27 30 11
#include <metal_stdlib>
using namespace metal;
kernel void compact(device const float *in [[buffer(0)]],
                    device float *out [[buffer(1)]],
                    ushort lane [[thread_index_in_simdgroup]]) {
  bool keep = uint(in[lane]) % 3 == 0;
  ulong votes = ulong(simd_vote::vote_t(simd_ballot(keep)));
  uint at = popcount(votes & ((1ul << lane) - 1ul));
  if (keep) out[at] = in[lane];
  if (lane == 0) out[11] = popcount(votes);
}
