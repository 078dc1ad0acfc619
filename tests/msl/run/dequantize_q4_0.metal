// rule: ggml's blocks of 4-bit numbers: a half scale and 16 bytes of pairs
// threads: 16
// out: -16 -14 -12 -10 -8 -6 -4 -2 0 2 4 6 8 10 12 14 14 12 10 8
#include <metal_stdlib>
using namespace metal;
typedef struct {
  half d;
  uint8_t qs[16];
} block_q4_0;
kernel void dequantize(device float *out [[buffer(1)]],
                       device block_q4_0 *b [[buffer(2)]],
                       uint i [[thread_position_in_grid]]) {
  if (i == 0) b->d = 2.0h;
  b->qs[i] = uint8_t(i | (15 - i) << 4);
  simdgroup_barrier(mem_flags::mem_device);
  device const block_q4_0 &q = *b;
  out[i] = ((q.qs[i] & 0x0F) - 8) * float(q.d);
  out[i + 16] = ((q.qs[i] >> 4) - 8) * float(q.d);
}
