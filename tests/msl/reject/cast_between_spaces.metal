// rule: no cast changes the address space
// expect: 7:21 changes the address space
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  thread float *p = (thread float *)y;
}
