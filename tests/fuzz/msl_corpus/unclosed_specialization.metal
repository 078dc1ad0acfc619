#include <metal_stdlib>
using namespace metal;
template <typename T> struct A { T x; };
template <typename T> struct A<vec<T, 2> { int y; };
template <typename T> struct A<T, { int z; };
template <> struct A<int { int y; };
kernel void f(device float *y [[buffer(0)]]) {
  A<int2> a;
  A<int> b;
  y[0] = a.y + b.x;
}
