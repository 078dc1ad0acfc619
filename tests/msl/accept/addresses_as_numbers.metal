// rule: a pointer and its address convert by reinterpret_cast or (T)x, in 64 bits
#include <metal_stdlib>
using namespace metal;
kernel void f(device ulong *p [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  device float *y = reinterpret_cast<device float *>(p[0]);
  ulong a = reinterpret_cast<ulong>(y) + 16;
  device float4 *z = (device float4 *)a;
  constant float *c = reinterpret_cast<constant float *>((ulong)y);
  z[i] = *c;
  p[1] = (ulong)(y + 1);
}
