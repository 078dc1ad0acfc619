// rule: const variables are not assigned
// expect: 8:5 cannot assign to variable 'n' with const-qualified type 'int'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  const int n = 3;
  n = 4;
}
