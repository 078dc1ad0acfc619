// rule: if and switch may declare a variable first
// version: 4.0
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  if (float x = y[i] * 2.0f; x > 1.0f) y[i] = x;
  else y[i] = -x;
  switch (int n = int(i) & 3; n) {
    case 1: y[i] = 1.0f; [[fallthrough]];
    case 2: y[i] += n; break;
    default: break;
  }
}
