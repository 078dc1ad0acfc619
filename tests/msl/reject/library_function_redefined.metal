// rule: a function of the library's signature makes calls ambiguous
// expect: 10:10 call to 'exp' is ambiguous
// expect: 11:10 call to 'max' is ambiguous
#include <metal_stdlib>
using namespace metal;
static float exp(float x) { return x; }
static float max(int a, float b) { return a; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = exp(1.0f);
  y[i] = max(1.0f, 2);
}
