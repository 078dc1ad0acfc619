#include <metal_stdlib>
using namespace metal;
template <int N> int f(int x) { return f<N + 1>(x); }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = f<0>(1);
}
