// rule: pointers keep their address space
// expect: 7:26 cannot initialize a variable of type 'threadgroup float *'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float *p = y;
}
