// rule: const members cannot be written, designators follow the order of members
// expect: 11:49 static data member 's' must be a constant
// expect: 11:66 non-static data member 't' cannot be constexpr
// expect: 15:7 cannot assign to an object of const-qualified type 'int'
// expect: 16:5 object of type 'P' cannot be assigned
// expect: 17:21 designator '.n' is out of the order
// expect: 18:10 no member named 'z' in 'P'
// expect: 19:13 no member named 'm' in 'P'
#include <metal_stdlib>
using namespace metal;
struct P { const int n = 3; float x; static int s; constexpr int t = 1; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  P p = {1, 2.0f};
  p.n = 4;
  p = P{1, 2.0f};
  P q = {.x = 1.0f, .n = 2};
  P r = {.z = 1.0f};
  y[i] = P::m;
}
