// rule: arrays are not assigned
// expect: 8:5 array type 'float [2]' is not assignable
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a[2], b[2];
  a = b;
}
