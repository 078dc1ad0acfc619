// rule: atomic objects are in device or threadgroup memory
// expect: 7:14 an atomic object cannot be in the thread address space
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  atomic_int a;
}
