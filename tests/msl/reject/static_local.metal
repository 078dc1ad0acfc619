// rule: no static variables in functions
// expect: 7:14 static variables in functions are not supported
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  static int n = 3;
}
