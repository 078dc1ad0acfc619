// rule: struct and alias templates, specialization, members by name
#include <metal_stdlib>
using namespace metal;
template <typename T, int N = 4> struct Tile {
  static constant constexpr int size = N * 2;
  using element = T;
  T data[N];
};
template <typename T> struct Limit { static constant constexpr int most = 1; };
template <> struct Limit<half> { static constant constexpr int most = 2; };
template <typename T> using Pair = vec<T, 2>;
template <typename T, int N> T total(thread const Tile<T, N> &t) {
  T s = 0;
  for (int i = 0; i < N; i++) s += t.data[i];
  return s;
}
template <typename T> struct Outer { Tile<Tile<T, 2>, 3> inner; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  Tile<float> t = {{1, 2, 3, 4}};
  Tile<float, 2>::element e = Tile<int, 8>::size + Limit<half>::most + Limit<float>::most;
  Outer<float> o = {};
  Pair<float> p = {1.0f, e};
  o.inner.data[2].data[1] = p.y;
  y[i] = total(t) + total(Tile<float, 2>{{1, 2}}) + o.inner.data[2].data[1];
}
static_assert(sizeof(Outer<float>) == 24, "");
