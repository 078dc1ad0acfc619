// rule: a part of a quadgroup counts as one
// threads: 6
// out: 2 2 2 2 2 2 2 2 2 2 2 2
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]],
              uint i [[thread_position_in_grid]],
              ushort here [[quadgroups_per_threadgroup]],
              uint asked [[dispatch_quadgroups_per_threadgroup]]) {
  out[i] = here;
  out[6 + i] = asked;
}
