// rule: SIMD functions take no bool, long or bfloat
// expect: 9:10 no matching function for call to 'simd_sum'
// expect: 10:10 no matching function for call to 'simd_sum'
// expect: 11:16 no matching function for call to 'simd_shuffle'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_sum(i < 3);
  y[i] = simd_sum(1l);
  y[i] = float(simd_shuffle(1.0bf, 0));
}
