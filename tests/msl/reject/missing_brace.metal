// rule: blocks end
// expect: 6:15 expected '}' after the block, got the end of the source
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]]) {
  y[0] = 1.0f;
