// rule: the constant address space is read-only
// expect: 8:8 constant address space
#include <metal_stdlib>
using namespace metal;
constant float T[2] = {1.0f, 2.0f};
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  T[0] = 1.0f;
}
