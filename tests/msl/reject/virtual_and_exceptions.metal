// rule: no exceptions
// expect: 7:3 exceptions are not supported
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  try { y[i] = 1.0f; }
}
