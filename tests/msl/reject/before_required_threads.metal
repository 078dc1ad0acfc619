// rule: required_threads_per_threadgroup: not before MSL 4.0
// version: 3.2
// expect: 6:3 attribute 'required_threads_per_threadgroup' needs MSL 4.0
#include <metal_stdlib>
using namespace metal;
[[required_threads_per_threadgroup(64, 1, 1)]] kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = 1;
}
