// rule: what templates refuse
// expect: 19:11 this template parameter is not supported
// expect: 20:23 this template parameter is not supported
// expect: 22:41 partial specializations for pointers
// expect: 23:23 this kind of template is not supported
// expect: 25:45 member reference base type 'float' is not a structure
// expect: 29:10 no matching function for call to 'twice'
// expect: 30:10 no matching function for call to 'twice'
// expect: 31:4 the template arguments do not fit the parameters of 'S'
// expect: 32:4 implicit instantiation of undefined template 'D<float>'
// expect: 34:10 no matching function for call to 'pick'
// expect: 35:11 too many template arguments for 'S'
// expect: 36:3 a template cannot be declared here
// expect: 38:59 no template 'twice' has these arguments
// expect: 39:15 explicit instantiation of what is no template
#include <metal_stdlib>
using namespace metal;
template <typename T> T twice(T x) { return x + x; }
template <typename... Ts> void many(Ts... x);
template <typename T, template <typename> class F> T apply(T x) { return x; }
template <typename T> struct S { T x; };
template <typename T> struct S<device T *> { T y; };
template <typename T> constant constexpr T zero = 0;
template <typename T> struct D;
template <typename T> T bad(T x) { return x.nothing; }
template <typename T, int N> T pick(T x) { return x; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = twice<int, 3>(1);
  y[i] = twice(1, 2);
  S<3> s;
  D<float> d;
  y[i] = bad(1.0f);
  y[i] = pick(1.0f);
  y[i] = S<float, int>{1}.x;
  template <typename U> void g();
}
template [[host_name("a")]] [[kernel]] decltype(twice<4>) twice<4>;
template void other<float>();
