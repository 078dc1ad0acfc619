// rule: simdgroup matrices of different element types multiply
// threads: 32
// out: 9 9 9 9 9 9 9 9
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]],
              device uint *work [[buffer(2)]]) {
  simdgroup_half8x8 d = make_filled_simdgroup_matrix<half, 8, 8>(1.0h);
  simdgroup_float8x8 a = make_filled_simdgroup_matrix<float, 8, 8>(0.5f);
  simdgroup_bfloat8x8 b = make_filled_simdgroup_matrix<bfloat, 8, 8>(bfloat(2.0f));
  simdgroup_multiply_accumulate(d, a, b, d);
  device half *h = (device half *)work;
  simdgroup_store(d, h, 8);
  simdgroup_barrier(mem_flags::mem_device);
  for (int i = 0; i < 8; i++) out[i] = h[9 * i];
}
