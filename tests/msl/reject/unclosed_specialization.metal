// rule: the arguments of a specialization end with '>'
// expect: 7:31 expected '>' after the template arguments
// expect: 8:21 expected '>' after the template arguments
#include <metal_stdlib>
using namespace metal;
template <typename T> struct A { T x; };
template <typename T> struct A<vec<T, 2> { int y; };
template <> struct A<int { int y; };
kernel void f(device float *y [[buffer(0)]]) {
  A<float> a = {1};
  y[0] = a.x;
}
