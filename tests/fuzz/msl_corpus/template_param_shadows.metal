#include <metal_stdlib>
using namespace metal;
template <typename T, T N = 3> T g(T x, T y = N) { T T = x; return T; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = g(1.0f) + g(1);
}
