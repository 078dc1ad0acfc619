// rule: literal suffixes are checked
// expect: 9:10 invalid suffix on literal '1.0d'
// expect: 10:10 invalid suffix on literal '1f'
// expect: 11:10 literal is too large
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1.0d;
  y[i] = 1f;
  y[i] = 1e39f;
}
