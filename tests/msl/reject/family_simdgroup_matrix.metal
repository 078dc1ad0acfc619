// rule: simdgroup_matrix: not before GPU family Apple7
// version: 2.3
// family: 6
// expect: 9:3 is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, y);
  simdgroup_store(m, y);
}
