// rule: switch with shared labels, fallthrough and default
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int r = 0;
  switch (i & 7u) {
  case 0:
  case 1: r = 1;
  case 2: { int t = 2; r += t; break; }
  default: r = 9;
  }
  y[i] = r;
}
