// rule: the count of an unroll pragma is a constant expression, of template parameters too
// out: 28 6 6
#include <metal_stdlib>
using namespace metal;
#define TIMES 4
template <int N> int sum() {
  int s = 0;
  #pragma unroll(N / 2)
  for (int i = 0; i < N; i++) s += i;
  return s;
}
kernel void f(device float *out [[buffer(1)]]) {
  constexpr int k = 2;
  int s = 0, t = 0;
  out[0] = sum<8>();
  #pragma unroll (TIMES)
  for (int i = 0; i < 4; i++) s += i;
  #pragma clang loop unroll_count(k + 2)
  for (int i = 0; i < 4; i++) t += i;
  out[1] = s;
  out[2] = t;
}
