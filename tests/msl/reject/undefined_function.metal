// rule: a called function needs a body
// expect: 8:10 undefined function 'g'
#include <metal_stdlib>
using namespace metal;
static float g(float x);
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = g(1.0f);
}
