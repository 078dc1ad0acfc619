// rule: array<T, n> is an aggregate with operator[] and size()
#include <metal_stdlib>
using namespace metal;
constant array<float, 3> weights = {0.25f, 0.5f, 0.25f};
static float last(array<float, 3> a) { return a[a.size() - 1]; }
static void set(thread array<float, 3> &a) { a[1] = 2; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  array<float, 3> a = {1, 2, y[i]};
  array<array<int, 2>, 2> b = {1, 2, 3, 4};
  metal::array<float, 3> c = a;
  set(c);
  y[i] = last(c) + weights[2] + b[1][0] + a[i % 3];
}
static_assert(sizeof(array<half, 5>) == 10, "");
