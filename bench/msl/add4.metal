// Adds two arrays, a float4 a thread.
#include <metal_stdlib>
using namespace metal;

kernel void add4(device const float4 *x [[buffer(0)]],
                 device const float4 *y [[buffer(1)]],
                 device float4 *out [[buffer(2)]],
                 uint i [[thread_position_in_grid]]) {
  out[i] = x[i] + y[i];
}
