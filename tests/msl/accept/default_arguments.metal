// rule: parameters may have default arguments, added by later declarations
#include <metal_stdlib>
using namespace metal;
static float sum(float a, float b = 2.0f, int c = 1 + 2);
static float sum(float a, float b, int c) { return a + b + c; }
static float one(thread const float &x = 1.0f) { return x; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = sum(y[i]) + sum(y[i], 3) + sum(1, 2, 3) + one() + one(y[i] + 1.0f);
}
