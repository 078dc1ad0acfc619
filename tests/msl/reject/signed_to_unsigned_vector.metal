// rule: int4 and uint4 do not convert to each other
// expect: 9:13 cannot initialize a variable of type 'uint4'
// expect: 10:15 invalid operands to binary expression ('int4' and 'uint4')
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int4 a = 1;
  uint4 b = a;
  b = uint4(a + b);
}
