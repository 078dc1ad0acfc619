// rule: a pointer must name its address space
// expect: 7:9 pointer type must have explicit address space qualifier
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float *p = y;
}
