// rule: nothing converts to bfloat implicitly
// expect: 8:14 cannot initialize a variable of type 'bfloat'
// expect: 9:12 cannot initialize a variable of type 'half'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bfloat a = 1.0f;
  half h = bfloat(1.0f);
}
