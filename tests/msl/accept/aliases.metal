// rule: typedef and using, of arrays and pointers too
#include <metal_stdlib>
using namespace metal;
typedef float real;
using vec3 = float3;
typedef device float *out_pointer;
typedef float quad[4];
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  out_pointer p = y;
  real a = 1.0f;
  quad q = {a};
  vec3 v = vec3(a);
  p[i] = q[0] + v.x;
}
