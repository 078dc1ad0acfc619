// rule: shifts keep the promoted type of the left operand
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  uchar a = 3;
  static_assert(sizeof(a << 2ul) == 4, "");
  static_assert((1u << 33) == 2u, "the count is modulo the width (spec 3.1)");
  static_assert((-8 >> 1) == -4, "arithmetic shift");
  uint b = (1u << (i & 31u)) | (a >> 1);
  y[i] = b;
}
