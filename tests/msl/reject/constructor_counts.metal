// rule: constructors need exactly the elements
// expect: 8:14 no matching constructor for initialization of 'float4'
// expect: 9:7 no matching constructor for initialization of 'float4'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 v = float4(1.0f, 2.0f, 3.0f);
  v = float4(v, 1.0f);
}
