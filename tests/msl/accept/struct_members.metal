// rule: members may be const, aligned, static constants, types, or have default values
#include <metal_stdlib>
using namespace metal;
struct P {
  static constant constexpr int N = 4;
  using T = float;
  typedef half H;
  enum { A = 3 };
  T x = 1.5f;
  alignas(16) int n = N;
  const uchar c = 7;
  H v[2] = {1.0h, 2.0h};
};
struct alignas(32) Q { P p; int last; };
static_assert(sizeof(P) == 32 && alignof(P) == 16, "");
static_assert(sizeof(Q) == 64 && alignof(Q) == 32, "");
static_assert(P::N == 4 && P::A == 3, "");
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  P p;
  P q = {2.0f};
  Q r = {.last = 3};
  P::T z = p.x + q.n + r.p.v[1] + r.last + p.c;
  const float w[P::N] = {z};
  y[i] = w[0];
}
