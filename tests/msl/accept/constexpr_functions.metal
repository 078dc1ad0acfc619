// rule: calls of constexpr functions are constant expressions
#include <metal_stdlib>
using namespace metal;
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
template <typename T> static constexpr T power(T base, int n) {
  T r = 1;
  for (int i = 0; i < n; ++i) r *= base;
  return r;
}
constexpr int log2_of(uint n) {
  int k = 0;
  while (n > 1) {
    n >>= 1;
    k++;
    if (k == 31) break;
  }
  return k;
}
static_assert(ceil_div(10, 4) == 3 && power(3, 4) == 81, "");
static_assert(log2_of(1024u) == 10, "");
constant float table[ceil_div(100, 32)] = {power(0.5f, 2), 1, 2, 3};
static_assert(power(0.5f, 2) == 0.25f, "");
template <int N> struct Pad { float x[ceil_div(N, 8) * 8]; };
static_assert(sizeof(Pad<9>) == 64, "");
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float t[ceil_div(33, 32) * 32];
  t[i % 64] = table[i % 4];
  constexpr int n = log2_of(64);
  y[i] = t[0] + n + ceil_div(int(i), 3);
}
