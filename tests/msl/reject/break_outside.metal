// rule: break and continue need a loop
// expect: 8:3 'break' statement not in loop or switch statement
// expect: 9:3 'continue' statement not in loop statement
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  break;
  continue;
}
