// rule: half op half is half, integer op half is half, half op float is float
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  half a = 1.0h, b = 2.0h;
  static_assert(sizeof(a + b) == 2, "half + half");
  static_assert(sizeof(a + 1) == 2, "half + int");
  static_assert(sizeof(a + 1.0f) == 4, "half + float");
  static_assert(sizeof(-a) == 2, "-half");
  a += 0.25f;
  y[i] = a * b;
}
