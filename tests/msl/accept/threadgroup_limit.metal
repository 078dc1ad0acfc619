// rule: exactly 32768 bytes of threadgroup memory are allowed
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float a[8000];
  threadgroup float4 b[48];
  a[i] = 1.0f;
  b[0] = a[0];
}
