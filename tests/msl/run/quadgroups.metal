// rule: quadgroups of this threadgroup, and of one as it was dispatched
// threads: 16
// group: 12
// out: 3 3 3 3 3 3 3 3 3 3 3 3 1 1 1 1 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]],
              uint i [[thread_position_in_grid]],
              ushort here [[quadgroups_per_threadgroup]],
              uint asked [[dispatch_quadgroups_per_threadgroup]]) {
  out[i] = here;
  out[16 + i] = asked;
}
