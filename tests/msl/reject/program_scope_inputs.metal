// rule: inputs of kernels and buffers at program scope are refused by name
// expect: 7:6 'i': inputs of kernels and buffers at program scope are not supported
// expect: 8:15 'x': inputs of kernels and buffers at program scope are not supported
// version: 3.2
#include <metal_stdlib>
using namespace metal;
uint i [[thread_position_in_grid]];
device float *x [[buffer(3)]];
kernel void f(device float *y [[buffer(0)]]) {
  y[i] = x[i];
}
