// rule: rotation of pairs by angles, as rotary embeddings do
// threads: 2
// within: 1e-5
// out: -1 2 -3 1
#include <metal_stdlib>
using namespace metal;
static void rotate(thread float2 &v, float angle) {
  float c, s = sincos(angle, c);
  v = float2(v.x * c - v.y * s, v.x * s + v.y * c);
}
kernel void rope(device const float2 *in [[buffer(0)]],
                 device float2 *out [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  float2 v = in[i];
  rotate(v, i == 0 ? M_PI_2_F : M_PI_2_F);
  out[i] = i == 0 ? v + float2(0, 2) : v + float2(0, -1);
}
