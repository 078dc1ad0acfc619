// rule: an unknown name, with the nearest one as the hint
// expect: 8:10 use of undeclared identifier 'valeu'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float value = 1.0f;
  y[i] = valeu;
}
