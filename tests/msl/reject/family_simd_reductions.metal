// rule: simd_sum and its like: not before GPU family Apple7
// version: 3.0
// family: 6
// expect: 9:10 needs a GPU of family Apple7
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_sum(y[i]);
}
