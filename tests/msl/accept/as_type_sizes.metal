// rule: as_type between types of equal size
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  uint a = as_type<uint>(1.0f);
  half2 h = as_type<half2>(a);
  ushort s = as_type<ushort>(bfloat(1.0f));
  ulong l = as_type<ulong>(uint2(a, 1u));
  float4 v = as_type<float4>(int4(1));
  y[i] = as_type<float>(a) + h.x + s + l + v.x;
}
