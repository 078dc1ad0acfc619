// rule: simd_ballot and its like: not before MSL 2.1
// version: 2.0
// expect: 8:10 'simd_any' needs MSL 2.1
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_any(y[i] > 0.0f);
}
