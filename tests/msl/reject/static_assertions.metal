// rule: a failing static_assert shows its text
// expect: 7:3 static_assert failed "too small"
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  static_assert(sizeof(half) > 2, "too small");
}
