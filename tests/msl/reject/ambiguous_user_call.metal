// rule: two user functions that convert equally well
// expect: 9:10 call to 'g' is ambiguous
#include <metal_stdlib>
using namespace metal;
static int g(int a, int b) { return a; }
static int g(uint a, uint b) { return 2; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = g(1, 2u);
}
