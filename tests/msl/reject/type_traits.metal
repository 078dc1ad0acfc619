// rule: a trait that does not hold leaves no function; wrong arguments
// expect: 11:10 no matching function for call to 'pick'
// expect: 12:10 'is_same_v' takes 2 types
// expect: 13:3 the template arguments do not fit the parameters of 'conditional_t'
// expect: 14:3 no type named 'type' in 'enable_if<false>'
#include <metal_stdlib>
using namespace metal;
template <typename T> enable_if_t<is_floating_point_v<T>, T> pick(T x) { return x; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = pick(3);
  y[i] = is_same_v<float> ? 1 : 2;
  conditional_t<float, int, uint> z;
  enable_if_t<false, int> w;
}
