// rule: a function may be declared before it is defined
#include <metal_stdlib>
using namespace metal;
static float g(float x);
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = g(y[i]);
}
static float g(float x) { return x + 1.0f; }
