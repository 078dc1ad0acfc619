// rule: what for over a range refuses
// expect: 11:18 invalid range expression of type 'device float *'
// expect: 12:18 a list as the range of 'for' is not supported
// expect: 13:26 variables in the threadgroup address space cannot be initialized
// expect: 14:26 reference 'device float &' cannot bind to an object of type 'float'
// expect: 16:10 use of undeclared identifier 'x'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]]) {
  float a[2] = {1, 2};
  for (float x : y) y[0] = x;
  for (float x : {1.0f, 2.0f}) y[0] = x;
  for (threadgroup float x : a) y[0] = x;
  for (device float &x : a) y[0] = x;
  for (float x : a) y[1] += x;
  y[2] = x;
}
