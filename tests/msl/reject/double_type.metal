// rule: there is no double
// expect: 7:3 'double' is not supported in Metal
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  double d = 1.0;
  y[i] = d;
}
