// rule: simd_shuffle and its like: since GPU family Apple6
// version: 3.0
// family: 6
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_shuffle_xor(y[i], ushort(1));
}
