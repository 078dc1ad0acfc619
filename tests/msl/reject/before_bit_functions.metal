// rule: reverse_bits, mul24 and mad24: not before MSL 2.1
// version: 2.0
// expect: 8:10 'reverse_bits' needs MSL 2.1
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = reverse_bits(i);
}
