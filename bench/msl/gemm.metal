// C = A B for square matrices, all row major, with simdgroup matrices: a
// threadgroup of 4 simdgroups makes a 128 x 64 tile, each simdgroup 64 x 32 of
// it as 32 fragments. Sums are float.
#include <metal_stdlib>
using namespace metal;

#define GEMM(name, T)                                                        \
  kernel void name(device const T *a [[buffer(0)]],                          \
                   device const T *b [[buffer(1)]],                          \
                   device float *c [[buffer(2)]],                            \
                   constant uint &n [[buffer(3)]],                           \
                   uint2 group [[threadgroup_position_in_grid]],             \
                   uint simdgroup [[simdgroup_index_in_threadgroup]]) {      \
    const uint row = group.y * 128 + (simdgroup >> 1) * 64;                  \
    const uint column = group.x * 64 + (simdgroup & 1) * 32;                 \
    simdgroup_matrix<float, 8, 8> sum[8][4];                                 \
    for (int i = 0; i < 8; i++)                                              \
      for (int j = 0; j < 4; j++)                                            \
        sum[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);         \
    for (uint k = 0; k < n; k += 8) {                                       \
      simdgroup_matrix<T, 8, 8> left[8][1], right[1][4];                     \
      for (int i = 0; i < 8; i++)                                            \
        for (int d = 0; d < 1; d++)                                          \
          simdgroup_load(left[i][d], a + (row + i * 8) * n + k + d * 8, n);  \
      for (int d = 0; d < 1; d++)                                            \
        for (int j = 0; j < 4; j++)                                          \
          simdgroup_load(right[d][j],                                        \
                         b + (k + d * 8) * n + column + j * 8, n);           \
      for (int i = 0; i < 8; i++)                                            \
        for (int j = 0; j < 4; j++)                                          \
          for (int d = 0; d < 1; d++)                                        \
            simdgroup_multiply_accumulate(sum[i][j], left[i][d],             \
                                          right[d][j], sum[i][j]);           \
    }                                                                        \
    for (int i = 0; i < 8; i++)                                              \
      for (int j = 0; j < 4; j++)                                            \
        simdgroup_store(sum[i][j],                                           \
                        c + (row + i * 8) * n + column + j * 8, n);          \
  }

GEMM(gemm_float, float)
GEMM(gemm_half, half)
