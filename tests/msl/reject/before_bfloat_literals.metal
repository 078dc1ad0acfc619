// rule: bfloat literals: not before MSL 3.1
// version: 3.0
// expect: 8:16 bfloat literals need MSL 3.1
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = float(1.5bf);
}
