// rule: members must exist
// expect: 9:12 no member named 'z' in 'S'
#include <metal_stdlib>
using namespace metal;
struct S { int x; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  S s = {1};
  y[i] = s.z;
}
