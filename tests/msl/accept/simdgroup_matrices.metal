// rule: fragments: load, store, multiply, fill, diagonal, thread_elements
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup half a[64];
  simdgroup_half8x8 A, B;
  simdgroup_float8x8 acc[2][2];
  simdgroup_matrix<float, 8, 8> C = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  simdgroup_float8x8 D(1.0f), E = simdgroup_float8x8(0);
  acc[0][1] = make_filled_simdgroup_matrix<float, 8>(0);
  simdgroup_load(A, a, 8);
  simdgroup_load(B, a + 8, 8, ulong2(0, 0), true);
  simdgroup_load(C, y, 64, 0, false);
  simdgroup_multiply_accumulate(acc[0][1], A, B, acc[0][1]);
  simdgroup_multiply(D, C, E);
  C.thread_elements()[0] += 1.0f;
  float2 both = C.thread_elements();
  C.thread_elements() = both * 2.0f;
  D.thread_elements()[i & 1] = both.x;
  simdgroup_store(C, y, 64);
  simdgroup_store(D, y + 8, 64, ulong2(0, 0), true);
}
