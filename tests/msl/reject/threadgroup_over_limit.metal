// rule: at most 32768 bytes of threadgroup memory
// expect: 8:21 threadgroup memory of kernel 'f' is 32772 bytes, more than 32768
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float a[8192];
  threadgroup float b;
}
