// rule: char and short promote to int; vectors do not promote
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  short a = 1;
  static_assert(sizeof(a + a) == 4, "short + short is int");
  static_assert(sizeof(~a) == 4, "~short is int");
  static_assert(sizeof(1u + 1) == 4 && sizeof(1u + 1l) == 8, "");
  char4 c = char4(1);
  static_assert(sizeof(c + c) == 4, "char4 + char4 is char4");
  a = a + a;
  y[i] = a + c.x;
}
