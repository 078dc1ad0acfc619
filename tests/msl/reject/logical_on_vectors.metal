// rule: && and || take scalars
// expect: 8:9 invalid operands to binary expression ('bool4' and 'bool4')
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bool4 b = true;
  b = b && b;
}
