// rule: matmul2d takes no tiles of 8
// version: 4.0
// expect: 51:3 matmul2d takes tiles of multiples of 16
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
kernel void f(device float *y [[buffer(0)]]) {
  constexpr auto small = mpp::tensor_ops::matmul2d_descriptor(8, 8, 16, false, false,
      false, mpp::tensor_ops::matmul2d_descriptor::mode::multiply);
  mpp::tensor_ops::matmul2d<small, execution_simdgroups<1>> none;
  y[0] = 1.0f;
}
