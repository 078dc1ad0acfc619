#include <metal_stdlib>
using namespace metal;
template <int N> struct D { D<N + 1> d; };
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  D<0> d;
}
