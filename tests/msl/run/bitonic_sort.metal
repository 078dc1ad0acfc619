// rule: a bitonic sort in threadgroup memory
// threads: 32
// out: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
#include <metal_stdlib>
using namespace metal;
template <typename T> inline void swap_if(threadgroup T &a, threadgroup T &b, bool up) {
  if ((a > b) == up) { T c = a; a = b; b = c; }
}
kernel void sort(device const float *in [[buffer(0)]],
                 device float *out [[buffer(1)]],
                 uint i [[thread_position_in_threadgroup]]) {
  threadgroup float v[32];
  v[i] = in[(i * 13 + 5) % 32];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint k = 2; k <= 32; k <<= 1)
    for (uint j = k >> 1; j > 0; j >>= 1) {
      uint other = i ^ j;
      if (other > i) swap_if(v[i], v[other], (i & k) == 0);
      threadgroup_barrier(mem_flags::mem_threadgroup);
    }
  out[i] = v[i];
}
