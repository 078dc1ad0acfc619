// rule: math functions have no bfloat form
// expect: 8:10 no matching function for call to 'exp'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bfloat a = 1.0bf;
  y[i] = exp(a);
}
