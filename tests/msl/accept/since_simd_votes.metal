// rule: simd_ballot and its like: since MSL 2.1
// version: 2.1
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_any(y[i] > 0.0f);
}
