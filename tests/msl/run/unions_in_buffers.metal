// rule: unions and anonymous members in device memory share their bytes
// out: 1.5 1069547520 2 3 3 6 12 8
#include <metal_stdlib>
using namespace metal;
union bits { float f; uint u; };
struct block {
  union {
    struct { half d; half m; };
    half2 dm;
  };
  uint8_t q[8];
};
static_assert(sizeof(block) == 12 && sizeof(bits) == 4, "sizes");
kernel void f(device float *out [[buffer(1)]], device uint *work [[buffer(2)]]) {
  device bits *b = (device bits *)work;
  b->f = 1.5f;
  out[0] = b->f;
  out[1] = b->u;
  device block *k = (device block *)(work + 4);
  k->d = 2.0h;
  k->m = 3.0h;
  out[2] = k->dm.x;
  out[3] = k->dm[1];
  block copy = *k;
  out[4] = copy.m;
  copy.dm = half2(6.0h, 1.0h);
  out[5] = copy.d;
  out[6] = sizeof(block);
  out[7] = sizeof(k->q);
}
