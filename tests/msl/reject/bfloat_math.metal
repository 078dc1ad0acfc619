// rule: bfloat converts to float and to integers, so functions of both are ambiguous; vectors do not convert
// expect: 11:10 call to 'max' is ambiguous
// expect: 12:10 call to 'abs' is ambiguous
// expect: 13:10 no matching function for call to 'exp'
// expect: 14:14 cannot initialize a variable of type 'bfloat'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  bfloat a = 1.0bf;
  y[i] = max(a, a);
  y[i] = abs(a);
  y[i] = exp(bfloat4(a)).x;
  bfloat b = exp(a);
}
