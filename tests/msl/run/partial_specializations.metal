// rule: partial specializations of structs
// out: 1 2 30 4 5 6 3
#include <metal_stdlib>
using namespace metal;
template <typename T, bool strided> struct index {
  static T at(T i) { return i + 1; }
};
template <typename T> struct index<T, true> {
  T step;
  T at(T i) const { return i * step; }
};
template <int N, typename T> struct walk { static constexpr constant int kind = 1; };
template <typename T> struct walk<1, T> { static constexpr constant int kind = 4; };
template <typename T> struct walk<1, vec<T, 4>> { static constexpr constant int kind = 5; };
template <int N> struct walk<N, half> { static constexpr constant int kind = N; };
template <> struct walk<9, half> { static constexpr constant int kind = 3; };
kernel void f(device float *out [[buffer(1)]]) {
  out[0] = index<uint, false>::at(0);
  out[1] = index<int, false>::at(1);
  index<uint, true> i = {10};
  out[2] = i.at(3);
  out[3] = walk<1, float>::kind;
  out[4] = walk<1, float4>::kind;
  out[5] = walk<6, half>::kind;
  out[6] = walk<9, half>::kind;
}
