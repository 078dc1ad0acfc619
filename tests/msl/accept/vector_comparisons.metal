// rule: comparisons of vectors give vectors of bool; all and any reduce them
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 a = float4(1.0f), b = float4(2.0f);
  bool4 c = a < b;
  bool4 d = c & !(a == b);
  y[i] = all(c) && any(d) ? 1.0f : 0.0f;
  y[i] += select(a, b, c).x + select(1.0f, 2.0f, true);
}
