#include <metal_stdlib>
using namespace metal;
template <typename T> struct S { T x; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  S<float> s;
  S<fl