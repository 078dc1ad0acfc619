// rule: functions that the GPU family lacks
// expect: 9:10 'simd_shuffle_and_fill_up' needs a GPU of family Apple8
// expect: 10:10 type 'atomic_ulong' is not available
// family: 7
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = simd_shuffle_and_fill_up(1.0f, 0.0f, 1);
  device atomic_ulong *p;
}
