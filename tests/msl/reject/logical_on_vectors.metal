// rule: && and || take scalars or vectors of bool, both of one size
// expect: 11:15 invalid operands to binary expression ('bool4' and 'bool')
// expect: 12:21 invalid operands to binary expression ('bool4' and 'bool2')
// expect: 13:13 invalid operands to binary expression ('int4' and 'int4')
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              device const int4 *x [[buffer(1)]],
              uint i [[thread_position_in_grid]]) {
  bool4 b = true;
  bool4 c = b && (i > 3);
  bool4 d = bool4(b || bool2(true));
  b = (x[i] && x[0]);
  y[i] = c.x || d.x;
}
