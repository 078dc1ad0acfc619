// rule: reinterpretation of a pointer within one address space
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  device float4 *v = (device float4 *)y;
  device const uint *u = reinterpret_cast<device const uint *>(y + 4);
  device uchar *b = (device uchar *)(y);
  device void *any_type = y;
  device float *back = static_cast<device float *>(any_type);
  reinterpret_cast<device uint &>(y[i]) = 7u;
  v[0] = float4(u[0] + b[1]) + back[2];
}
