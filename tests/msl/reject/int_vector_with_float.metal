// rule: an integer vector takes no float scalar
// expect: 8:9 invalid operands to binary expression ('int4' and 'float')
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int4 a = 1;
  a = a * 2.0f;
}
