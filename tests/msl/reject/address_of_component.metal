// rule: components of vectors have no address
// expect: 9:21 address of vector element requested
// expect: 10:7 address of vector element requested
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 v = 1.0f;
  thread float *p = &v.x;
  p = &v[1];
}
