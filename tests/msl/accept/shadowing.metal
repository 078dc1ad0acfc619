// rule: inner scopes and parameters hide outer names
#include <metal_stdlib>
using namespace metal;
constant int n = 3;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int n = 4;
  { float n = 1.0f; y[i] = n; }
  for (int n = 0; n < 2; ++n) y[i] += n;
  float4 length = float4(n);
  y[i] += length.x;
}
