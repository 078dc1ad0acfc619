// rule: the integer functions of spec table 6.3
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int a = i, b = 3;
  uint u = i, w = 5u;
  u += absdiff(a, b) + popcount(u) + clz(u) + ctz(w) + reverse_bits(u) + rotate(u, 3u);
  u += extract_bits(u, 4u, 8u) + insert_bits(u, w, 4u, 8u) + mulhi(u, w) + madhi(u, w, u);
  a += abs(b) + addsat(a, b) + subsat(a, b) + hadd(a, b) + rhadd(a, b) + madsat(a, b, a);
  a += mad24(a, b, a) + mul24(a, b) + max(a, b) + min3(a, b, 4) + clamp(a, 0, 5);
  uint4 v = popcount(uint4(u));
  short s = max(short(1), short(2));
  y[i] = a + u + v.x + s;
}
