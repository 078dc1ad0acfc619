// rule: explicit specializations of function templates
// out: 1 20 3 4.5 5
#include <metal_stdlib>
using namespace metal;
template <typename T> T elu(T x);
template <> inline float elu<float>(float x) { return x; }
template <> inline float4 elu<float4>(float4 x) { return x * 2; }
template <uint kind> bool keeps(int i, int r);
template <> bool keeps<0>(int i, int r) { return i < r; }
template <> bool keeps<1>(int i, int r) { return i >= r; }
template <typename T> float size_of(T x) { return sizeof(x); }
template <> float size_of(half x) { return x + 2.5f; }
kernel void f(device float *out [[buffer(1)]]) {
  out[0] = elu<float>(1.0f);
  out[1] = elu(float4(1, 2, 3, 4)).x + elu(float4(9.0f)).y;
  out[2] = keeps<0>(1, 2) + 2 * keeps<1>(2, 2) + 4 * keeps<1>(1, 2);
  out[3] = size_of(2.0h);
  out[4] = size_of(2.0f) + size_of(uchar(1));
}
