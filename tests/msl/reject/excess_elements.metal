// rule: a list must fit its type
// expect: 8:29 excess elements in initializer
// expect: 9:15 cannot be narrowed to 'int'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a[2] = {1.0f, 2.0f, 3.0f};
  int b[1] = {y[0]};
}
