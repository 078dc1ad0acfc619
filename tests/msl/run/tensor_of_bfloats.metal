// rule: a product of bfloats by one simdgroup's tensor operation
// version: 4.0
// threads: 32
// out: 64 -64
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
kernel void product(device const float *in [[buffer(0)]],
                    device float *out [[buffer(1)]],
                    uint i [[thread_index_in_threadgroup]]) {
  threadgroup bfloat a[32 * 32];
  threadgroup float c[32 * 32];
  constexpr auto shape = mpp::tensor_ops::matmul2d_descriptor(
      32, 32, 32, false, false, false,
      mpp::tensor_ops::matmul2d_descriptor::mode::multiply);
  mpp::tensor_ops::matmul2d<shape, execution_simdgroups<1>> product;
  auto x = tensor<threadgroup bfloat, dextents<int32_t, 2>, tensor_inline>(
      a, dextents<int32_t, 2>(32, 32), array<int32_t, 2>{1, 32});
  auto to = tensor<threadgroup float, dextents<int32_t, 2>, tensor_inline>(
      c, dextents<int32_t, 2>(32, 32), array<int32_t, 2>{1, 32});
  for (int n = int(i); n < 1024; n += 32) a[n] = bfloat(n % 32 < 16 ? 2.0f : -1.0f);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  auto sum = product.get_destination_cooperative_tensor<decltype(x), decltype(x), float>();
  product.run(x, x, sum);
  sum.store(to);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i == 0) out[0] = 2.0f * c[0];
  if (i == 1) out[1] = 4.0f * c[31];
}
