// rule: half and bfloat have no common type
// expect: 7:15 invalid operands to binary expression ('half' and 'bfloat')
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1.0h + 1.0bf;
}
