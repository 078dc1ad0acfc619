// rule: long and ulong: since MSL 2.2
// version: 2.2
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  long n = i;
  y[i] = n;
}
