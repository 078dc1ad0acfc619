// rule: parsing goes on after an error
// expect: 9:10 use of undeclared identifier 'a'
// expect: 10:10 use of undeclared identifier 'b'
// expect: 12:3 expected ';'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = a;
  y[i] = b;
  y[i] = 1.0f
  y[i] = 2.0f;
}
