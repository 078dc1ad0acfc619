// rule: simd_shuffle_and_fill: since MSL 2.4
// family: 8
// version: 2.4
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_shuffle_and_fill_up(y[i], 0.0f, ushort(1));
}
