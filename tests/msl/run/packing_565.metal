// rule: 5-6-5 bits: the first element is lowest; clamped, rounded to even
// out: 31 2016 63488 0 0 1 1 1 0 65535 8256 63519 2
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  float one = in[1], two = in[2];
  out[0] = pack_float_to_unorm565(float3(one, 0, 0));
  out[1] = pack_float_to_unorm565(float3(0, one, 0));
  out[2] = pack_float_to_unorm565(float3(0, 0, one));
  float3 high = unpack_unorm565_to_float(ushort(0xF800 * one));
  out[3] = high.x;
  out[4] = high.y;
  out[5] = high.z;
  half3 low = unpack_unorm565_to_half(ushort(0x07FF * one));
  out[6] = low.x;
  out[7] = low.y;
  out[8] = low.z;
  out[9] = pack_half_to_unorm565(half3(half(two)));
  // the products with 31, 63 and 31 are 0.5, 2.5 and 4.5: 0, 2 and 4
  out[10] = pack_float_to_unorm565(float3(0.5f / 31, 2.5f / 63, 4.5f / 31) *
                                   one);
  out[11] = pack_float_to_unorm565(float3(one, -one, two));
  out[12] = sizeof(pack_float_to_unorm565(float3(one)));
}
