// rule: #error is an error
// expect: 5:1 stop here
#include <metal_stdlib>
using namespace metal;
#error stop here
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1.0f;
}
