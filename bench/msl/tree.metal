// Tree reduction in threadgroup memory: 256 threads, 9 barriers.
#include <metal_stdlib>
using namespace metal;

kernel void tree(device const float *x [[buffer(0)]],
                 device float *out [[buffer(1)]],
                 uint group [[threadgroup_position_in_grid]],
                 uint tid [[thread_index_in_threadgroup]]) {
  threadgroup float part[256];
  part[tid] = x[group * 256 + tid];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = 128; s > 0; s >>= 1) {
    if (tid < s) part[tid] += part[tid + s];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (tid == 0) out[group] = part[0];
}
