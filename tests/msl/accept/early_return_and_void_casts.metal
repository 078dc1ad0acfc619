// rule: return in kernels, discarded values, empty statements
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  (void)i;
  ;
  if (i > 3) return;
  y[i];
  y[i] = 1.0f, y[i] += 1.0f;
  { }
}
