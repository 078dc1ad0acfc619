// rule: auto takes the type of the initialiser; auto & refers
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  auto a = 1.0h;
  static_assert(sizeof(a) == 2, "half");
  auto p = y + 1;
  const auto n = 3u;
  float v[2] = {};
  thread auto &r = v[1];
  r = *p + n;
  for (auto k = 0; k < 2; ++k) y[i] += v[k] + a;
}
