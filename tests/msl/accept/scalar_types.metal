// rule: every scalar type and its synonyms
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bool a = true;
  char b = 'x';
  unsigned char c = 200;
  short d = -5;
  unsigned short e = 5;
  int g = 1;
  unsigned h = 2;
  long k = 3;
  unsigned long l = 4;
  half m = 1.5h;
  bfloat n = 1.5bf;
  float o = 1.5;
  uchar p = c;
  ushort q = e;
  uint r = h;
  ulong s = l;
  size_t t = sizeof(float4);
  uint8_t u = 1;
  int64_t v = -1;
  y[i] = a + b + c + d + e + g + h + k + l + m + float(n) + o + p + q + r + s + t + u + v;
}
