// rule: a histogram in threadgroup atomics, added to device memory
// threads: 128
// group: 64
// out: 32 32 32 32
#include <metal_stdlib>
using namespace metal;
kernel void histogram(device const float *in [[buffer(0)]],
                      device float *out [[buffer(1)]],
                      device atomic_uint *bins [[buffer(2)]],
                      uint i [[thread_position_in_grid]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint local[4];
  if (t < 4) atomic_store_explicit(&local[t], 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&local[uint(in[i]) % 4], 1, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t >= 4) return;
  uint n = atomic_load_explicit(&local[t], memory_order_relaxed);
  uint before = atomic_fetch_add_explicit(&bins[t], n, memory_order_relaxed);
  if (before + n == 32) out[t] = before + n;
}
