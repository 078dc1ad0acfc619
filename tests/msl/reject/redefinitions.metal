// rule: one name, one meaning in a scope
// expect: 9:9 redefinition of 'a'
// expect: 10:7 redefinition of 'y'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int a = 1;
  float a = 2.0f;
  int y = 3;
}
