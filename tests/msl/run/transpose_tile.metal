// rule: a transposition through a padded tile
// threads: 64
// out: 0 8 16 24 32 40 48 56 1 9
#include <metal_stdlib>
using namespace metal;
constexpr constant uint TILE = 8;
kernel void transpose(device const float *in [[buffer(0)]],
                      device float *out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[TILE][TILE + 1];
  const uint2 p = {t % TILE, t / TILE};
  tile[p.y][p.x] = in[p.y * TILE + p.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[p.y * TILE + p.x] = tile[p.x][p.y];
}
