// rule: function templates: deduced, explicit, overloaded, with values and defaults
// version: 4.0
#include <metal_stdlib>
using namespace metal;
template <typename T> T twice(T x) { return x + x; }
template <typename T, int N> static T sum(thread const vec<T, N> &v) {
  T s = 0;
  for (int i = 0; i < N; i++) s += v[i];
  return s;
}
template <typename T> T first(device const T *p) { return p[0]; }
template <typename T> T first(T x) { return x; }
template <typename U, typename T> U cast(T x) { return U(x); }
template <int K, typename T = float> T times(T x) { return x * K; }
template <typename T, int N> void clear(thread T (&a)[N]) {
  for (int i = 0; i < N; ++i) a[i] = T(0);
}
template <typename T> inline T add(T a, T b) { return a + b; }
static float add(float a, float b) { return a - b; }
template <bool B> float choose(float a, float b) {
  if constexpr (B) return a;
  else return b;
}
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a[4];
  device const float *c = y;
  clear(a);
  y[i] = twice(y[i]) + sum<float, 4>(float4(1.0f)) + first(c) + first(2.0f) + cast<float>(3) + times<2>(1.5f);
  y[i] += sum<half>(half3(1.0h)) + add(1.0f, 2.0f) + add(1, 2) + add<float>(1, 2.0f) + a[3] + choose<(3 > 2)>(1, 2);
}
