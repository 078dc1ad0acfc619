// rule: Threefry-2x32 with 20 rounds, of key and counter zero (Random123's known answer)
// out: 1 1
#include <metal_stdlib>
using namespace metal;
static constexpr constant uint32_t rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
union rbits { uint2 val; uint words[2]; };
static uint2 threefry(const thread uint2 &key, uint2 count) {
  uint ks[3] = {key.x, key.y, key.x ^ key.y ^ 0x1BD11BDAu};
  uint2 v = count + uint2(ks[0], ks[1]);
  for (int i = 0; i < 5; ++i) {
    for (int r = 0; r < 4; r++) {
      v.x += v.y;
      v.y = rotate(v.y, rotations[i % 2][r]) ^ v.x;
    }
    v.x += ks[(i + 1) % 3];
    v.y += ks[(i + 2) % 3] + i + 1;
  }
  return v;
}
kernel void random(device float *out [[buffer(1)]]) {
  uint2 v = threefry(uint2(0), uint2(0));
  out[0] = v.x == 0x6b200159u;
  out[1] = v.y == 0x99ba4efeu;
}
