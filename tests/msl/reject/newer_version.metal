// rule: functions newer than the language version
// expect: 10:10 'simd_shuffle_and_fill_up' needs MSL 2.4
// expect: 11:3 type 'bfloat' is not available: bfloat needs MSL 3.1
// expect: 12:10 type 'atomic_float' is not available
// version: 2.3
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_shuffle_and_fill_up(1.0f, 0.0f, 1);
  bfloat b;
  device atomic_float *p;
}
