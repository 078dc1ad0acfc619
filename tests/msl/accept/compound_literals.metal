// rule: (T){...} is T{...}
#include <metal_stdlib>
using namespace metal;
struct S { int a, b; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  S s = (S){1, 2};
  y[i] = ((S){.b = 3}).b + s.a;
}
