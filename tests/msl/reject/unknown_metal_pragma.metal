// rule: METAL pragmas are checked
// expect: 5:1 unknown #pragma METAL
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp fastest
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1.0f;
}
