// rule: #pragma unroll and clang loop pragmas before loops
#include <metal_stdlib>
using namespace metal;
#define UNROLL _Pragma("clang loop unroll(full)")
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float s = 0.0f;
  #pragma unroll
  for (int k = 0; k < 4; ++k) s += k;
  #pragma unroll(2)
  for (int k = 0; k < 4; ++k) s += k;
  #pragma nounroll
  for (int k = 0; k < 4; ++k) s += k;
  UNROLL
  for (int k = 0; k < 4; ++k)
    #pragma clang loop unroll(disable)
    for (int j = 0; j < 4; ++j) s += j;
  y[i] = s;
}
