// rule: no matrix is made of one of another size, or of a part of its elements
// expect: 9:13 no matching constructor for initialization of 'float3x2'
// expect: 10:13 no matching constructor for initialization of 'float2x2'
// expect: 11:12 member reference base type 'float2x2' is not a structure
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]]) {
  half2x3 h(1);
  float3x2 a(h);
  float2x2 b(1, 2, 3);
  y[0] = b.columns->x + a[0].x;
}
