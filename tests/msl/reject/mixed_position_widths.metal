// rule: positions must have one number of components
// expect: 6:20 must have the same number of components
#include <metal_stdlib>
using namespace metal;
kernel void f(uint2 a [[thread_position_in_grid]],
              uint b [[threads_per_threadgroup]]) {
}
