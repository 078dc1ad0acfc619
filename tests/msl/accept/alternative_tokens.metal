// rule: and, or, not are operators
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  if (i > 2 and not (i == 5) or i == 0) y[i] = 1.0f;
}
