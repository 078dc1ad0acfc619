// rule: suffixes of literals: h f bf u l ul, hexadecimal, binary, separators
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  half a = 1.0h + 2.H;
  bfloat b = 1.0bf;
  float c = 1e-3f + .5 + 0x1p-3f;
  uint d = 0xffffffffu + 0b101u + 017u;
  ulong e = 1ul << 40;
  long g = 2147483648;
  int k = 1'000'000;
  y[i] = a + float(b) + c + d + e + g + k;
}
