// rule: packed vectors convert to and from their aligned twins
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  packed_float3 p = float3(1.0f, 2.0f, 3.0f);
  float3 q = p;
  p = q * 2.0f + p;
  p.x = 4.0f;
  p[1] += 1.0f;
  y[i] = dot(float3(p), q) + p.z;
}
