// rule: long and ulong: not before MSL 2.2
// version: 2.1
// expect: 8:3 type 'long' is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  long n = i;
  y[i] = n;
}
