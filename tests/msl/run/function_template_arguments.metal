// rule: functions as arguments of templates, chosen by their type
// out: 6 9 7 -5 3 10 0.5
#include <metal_stdlib>
using namespace metal;
static float twice(float x) { return x + x; }
static float square(float x) { return x * x; }
static int square(int x) { return -x; }
template <typename T> T same(T x) { return x; }
template <typename T> void fetch(device const float *p, short i, thread T &r) { r = T(p[i]); }
template <typename T, T (*F)(T)> T apply(T x) { return F(x); }
typedef float (unary)(float);
template <unary F> float both(float x) { return F(x) + 1.0f; }
template <short n, void (*get)(device const float *, short, thread float4 &)>
static float total(device const float *p) {
  float4 r;
  get(p, n, r);
  return r.x + r.y;
}
template <int K> float scale(float x) { return x * K; }
template <float (*F)(float)> float outer(float x) { return apply<float, F>(x); }
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  out[0] = apply<float, twice>(in[3]);
  out[1] = apply<float, square>(in[3]);
  out[2] = both<&twice>(in[3]);
  out[3] = apply<int, square>(5);
  out[4] = apply<float, same>(in[3]);
  out[5] = total<5, fetch>(in);
  out[6] = outer<scale<2>>(0.25f);
}
