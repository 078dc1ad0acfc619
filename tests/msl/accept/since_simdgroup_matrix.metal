// rule: simdgroup_matrix: since MSL 2.3
// version: 2.3
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, y);
  simdgroup_store(m, y);
}
