// rule: no long long
// expect: 7:8 'long long' is not supported in Metal
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  long long a = 1;
}
