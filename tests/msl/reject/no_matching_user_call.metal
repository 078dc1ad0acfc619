// rule: wrong number and wrong type of arguments
// expect: 9:10 no matching function for call to 'g'
// expect: 10:10 no matching function for call to 'g'
#include <metal_stdlib>
using namespace metal;
static float g(float a) { return a; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = g(1.0f, 2.0f);
  y[i] = g(float2(1.0f));
}
