// rule: pointers and integers are not cast to each other
// expect: 7:13 casts between pointers and integers are not supported
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  ulong a = (ulong)y;
}
