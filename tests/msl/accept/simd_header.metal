// rule: <simd/simd.h> has other names of vectors and matrices
#include <metal_stdlib>
#include <simd/simd.h>
using namespace metal;
struct uniforms {
  simd_float4x4 transform;
  matrix_float3x3 normal;
  vector_float2 size;
  simd_uint3 grid;
};
static_assert(is_same<simd_float4x4, float4x4>::value, "a matrix");
static_assert(is_same<vector_float2, float2>::value, "a vector");
kernel void f(device float4 *y [[buffer(0)]],
              constant uniforms &u [[buffer(1)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = u.transform * float4(u.size, 0, u.grid.x + u.normal[0].x);
}
