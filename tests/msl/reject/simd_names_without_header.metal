// rule: the names of <simd/simd.h> need it
// expect: 6:3 unknown type name 'simd_float4'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]]) {
  simd_float4 v;
  y[0] = 1;
}
