// rule: pointers to different types are not compared
// expect: 8:9 invalid operands to binary expression
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float t[1];
  if (y == t) y[i] = 1.0f;
}
