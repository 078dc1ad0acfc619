// rule: threadgroup variables are not initialised
// expect: 7:21 cannot be initialized
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float t = 1.0f;
}
