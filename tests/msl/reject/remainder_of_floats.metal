// rule: % takes integers
// expect: 7:15 invalid operands to binary expression ('float' and 'float')
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = y[i] % 2.0f;
}
