// rule: products by tensor operations of four simdgroups, from padded and transposed tiles
// version: 4.0
// threads: 128
// out: 44 68 78 76 60 80 22 30 33 38 30 24
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
kernel void product(device const float *in [[buffer(0)]],
                    device float *out [[buffer(1)]],
                    uint i [[thread_index_in_threadgroup]]) {
  threadgroup half a[64 * 40];
  threadgroup half b[32 * 72];
  threadgroup float c[64 * 64];
  constexpr auto shape = mpp::tensor_ops::matmul2d_descriptor(
      64, 64, 32, false, false, false,
      mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);
  constexpr auto turned = mpp::tensor_ops::matmul2d_descriptor(
      64, 64, 32, true, true, false,
      mpp::tensor_ops::matmul2d_descriptor::mode::multiply);
  mpp::tensor_ops::matmul2d<shape, execution_simdgroups<4>> operation;
  mpp::tensor_ops::matmul2d<turned, execution_simdgroups<4>> other;
  auto left = tensor<threadgroup half, dextents<int32_t, 2>, tensor_inline>(
      a, dextents<int32_t, 2>(32, 64), array<int32_t, 2>{1, 40});
  auto right = tensor<threadgroup half, dextents<int32_t, 2>, tensor_inline>(
      b, dextents<int32_t, 2>(64, 32), array<int32_t, 2>{1, 72});
  auto to = tensor<threadgroup float, dextents<int32_t, 2>, tensor_inline>(
      c, dextents<int32_t, 2>(64, 64));
  for (int n = int(i); n < 64 * 32; n += 128) {
    int row = n / 32, column = n % 32;
    a[row * 40 + column] = half((row + 3 * column) % 5 - 1);
    b[n / 64 * 72 + n % 64] = half((n / 64 + 2 * (n % 64)) % 7 - 2);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  auto sum = operation.get_destination_cooperative_tensor<
      decltype(left), decltype(right), float>();
  for (ushort e = 0; e < sum.get_capacity(); ++e) sum[e] = 0.0f;
  operation.run(left, right, sum);
  operation.run(left, right, sum);
  sum.store(to);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const int rows[6] = {0, 1, 17, 40, 63, 31}, columns[6] = {0, 2, 33, 5, 63, 32};
  if (i < 6) out[i] = c[rows[i] * 64 + columns[i]];
  auto product = other.get_destination_cooperative_tensor<
      decltype(right), decltype(left), float>();
  other.run(right, left, product);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  product.store(to);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < 6) out[6 + i] = c[rows[i] * 64 + columns[i]];
}
