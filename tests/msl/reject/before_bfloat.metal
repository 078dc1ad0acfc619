// rule: bfloat: not before MSL 3.1
// version: 3.0
// expect: 8:3 type 'bfloat' is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bfloat b;
  y[i] = sizeof(b);
}
