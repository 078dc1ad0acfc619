// rule: float4 does not convert to half4 implicitly
// expect: 8:13 cannot initialize a variable of type 'half4' with an lvalue of type 'float4'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 a = 1.0f;
  half4 b = a;
}
