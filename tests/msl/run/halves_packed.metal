// rule: packing and unpacking of halves, and refraction
// out: 0 128 255 255 -127 0 64 127 32768 65535 -16384 32767 0 0 0.501953125 1 1 0.5 -1 1 1 0 0 1 0 -1 0 0
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  half one = half(in[1]);
  uchar4 a = as_type<uchar4>(pack_half_to_unorm4x8(half4(0, 0.5h, 1, 2) * one));
  char4 b = as_type<char4>(pack_half_to_snorm4x8(half4(-1, 0, 0.5h, 1) * one));
  ushort2 c = as_type<ushort2>(pack_half_to_unorm2x16(half2(0.5h, 1) * one));
  short2 d = as_type<short2>(pack_half_to_snorm2x16(half2(-0.5h, 1) * one));
  for (int i = 0; i < 4; i++) {
    out[i] = a[i];
    out[4 + i] = b[i];
  }
  for (int i = 0; i < 2; i++) {
    out[8 + i] = c[i];
    out[10 + i] = d[i];
  }
  uint zero = uint(in[0]);
  half4 e = unpack_unorm4x8_to_half(0xFF800000u + zero);
  half2 g = unpack_unorm2x16_to_half(0x8000FFFFu + zero);
  half2 h = unpack_snorm2x16_to_half(0x7FFF8001u + zero);
  half4 k = unpack_unorm10a2_to_half(0xC00003FFu + zero);
  for (int i = 0; i < 4; i++) out[12 + i] = e[i];
  out[16] = g.x;
  out[17] = g.y;
  out[18] = h.x;
  out[19] = h.y;
  for (int i = 0; i < 4; i++) out[20 + i] = k[i];
  float2 straight = refract(float2(0, -in[1]), float2(0, 1), 0.5f);
  out[24] = straight.x;
  out[25] = straight.y;
  float2 total = refract(float2(in[1], 0), float2(0, 1), 2.0f);
  out[26] = total.x;
  out[27] = total.y;
}
