// rule: threadgroup variables in inner blocks of a kernel
// threads: 64
// out: 63 62 61
#include <metal_stdlib>
using namespace metal;
template <int N> static void turn(threadgroup float *t, device float *out, uint i) {
  t[i] = i;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[i] = t[N - 1 - i];
}
kernel void f(device float *out [[buffer(1)]],
              uint i [[thread_position_in_threadgroup]],
              uint n [[threads_per_threadgroup]]) {
  switch (n) {
  case 32: {
    threadgroup float t[32];
    turn<32>(t, out, i);
    break;
  }
  case 64: {
    threadgroup float t[64];
    turn<64>(t, out, i);
    break;
  }
  default: break;
  }
}
