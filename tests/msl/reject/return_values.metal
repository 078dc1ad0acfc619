// rule: return matches the function
// expect: 7:3 non-void function 'g' should return a value
// expect: 11:10 void function 'f' should not return a value
#include <metal_stdlib>
using namespace metal;
static int g() {
  return;
}
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  return 1;
}
