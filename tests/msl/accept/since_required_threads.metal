// rule: required_threads_per_threadgroup: since MSL 4.0
// version: 4.0
#include <metal_stdlib>
using namespace metal;
[[required_threads_per_threadgroup(64, 1, 1)]] kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1;
}
