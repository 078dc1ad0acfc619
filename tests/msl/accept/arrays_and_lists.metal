// rule: arrays, nested lists, left-out braces, zero fill
#include <metal_stdlib>
using namespace metal;
struct Pair { int a; float b; };
struct Box { Pair p[2]; int n; };
constant int grid[2][3] = {{1, 2, 3}, {4, 5, 6}};
constant float open[] = {1.0, 2.5, -3.0};
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int flat[2][2] = {1, 2, 3, 4};
  Box b = {{{1, 2.0f}, {3, 4.0f}}, 5};
  Box c = {1, 2.0f, 3, 4.0f, 5};
  Pair p = {}, q = {7};
  float4 zero[2] = {};
  float4 zeros[2] = {0};
  static_assert(sizeof(open) == 12, "three elements");
  p = Pair{1, 2.0f};
  y[i] = flat[1][0] + b.p[1].b + c.n + p.a + q.b + grid[1][i % 3] + zero[0].x + zeros[1].y;
}
