// rule: quad-group functions: broadcasts, shuffles and sums of four lanes
// threads: 32
// out: 6 6 6 6 22 22
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]],
              uint i [[thread_position_in_grid]]) {
  float first = quad_broadcast(in[i], ushort(0));
  float x = quad_shuffle_xor(in[i], ushort(1)) - first;
  out[i] = quad_sum(x + first);
}
