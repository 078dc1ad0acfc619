// rule: constants size arrays, label cases, and fold through conversions
#include <metal_stdlib>
using namespace metal;
constant constexpr int BM = 64, BN = BM / 2;
constant uint MASK = ~0u >> 4;
constant float SCALE = 1.0f / 3.0f;
constant half H = half(SCALE);
static constant int LIST[3] = {1, 2 + BN, BM % 7};
static_assert(LIST[1] == 34 && MASK == 0x0fffffffu, "");
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float t[BM * (BN + 8)];
  constexpr int N = BN > 16 ? 4 : 8;
  const int M = N * 2;
  float r[M + N];
  switch (i) {
  case BM: y[i] = SCALE; break;
  case N + 1: y[i] = H; break;
  default: break;
  }
  r[0] = 1.0f;
  t[i % BM] = r[0];
}
