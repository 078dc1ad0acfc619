// rule: quad_sum and its like: since GPU family Apple7
// version: 3.0
// family: 7
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = quad_sum(y[i]);
}
