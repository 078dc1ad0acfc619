// rule: simdgroup_matrix is 8 by 8 of float types, moved by pointers of its element
// expect: 9:27 expected a constant from 8 to 8
// expect: 10:3 simdgroup_matrix has float, half or bfloat elements
// expect: 12:3 no matching function for call to 'simdgroup_load'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  simdgroup_matrix<float, 4, 8> a;
  simdgroup_matrix<int, 8, 8> b;
  simdgroup_half8x8 c;
  simdgroup_load(c, y, 8);
}
