#include <metal_stdlib>
using namespace metal;
struct S { int a; S *p; float b[2]; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  S s = {.b = {.a = 1}, .a = 2};
  S t[2] = {{.q = 1}};
}
