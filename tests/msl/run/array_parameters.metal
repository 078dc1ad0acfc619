// rule: an array parameter is a pointer to thread memory
// out: 10 4 3
#include <metal_stdlib>
using namespace metal;
template <short N> static float sum(float v[N]) {
  float s = 0;
  for (short i = 0; i < N; i++) s += v[i];
  return s;
}
static void corners(float x, float dims[2]) { dims[0] = x; dims[1] = x - 1; }
kernel void f(device float *out [[buffer(1)]]) {
  float a[4] = {1, 2, 3, 4}, d[2];
  out[0] = sum<4>(a);
  corners(4, d);
  out[1] = d[0];
  out[2] = d[1];
}
