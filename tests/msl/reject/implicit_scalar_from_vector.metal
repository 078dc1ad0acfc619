// rule: a vector is no scalar
// expect: 8:13 cannot initialize a variable of type 'float' with an lvalue of type 'float4'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 v = 1.0f;
  float a = v;
}
