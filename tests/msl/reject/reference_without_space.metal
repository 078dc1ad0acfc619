// rule: a reference must name its address space
// expect: 8:9 reference type must have explicit address space qualifier
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a = 1.0f;
  float &r = a;
}
