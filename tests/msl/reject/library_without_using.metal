// rule: library names need using or metal::
// expect: 6:3 unknown type name 'uint'
// expect: 7:10 use of undeclared identifier 'max'
#include <metal_stdlib>
kernel void f(device float *y [[buffer(0)]]) {
  uint i = 0;
  y[0] = max(1.0f, 2.0f);
}
