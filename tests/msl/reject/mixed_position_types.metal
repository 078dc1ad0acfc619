// rule: thread_position_in_grid and threads_per_grid have one type
// expect: 6:23 must have the same type
#include <metal_stdlib>
using namespace metal;
kernel void f(uint2 a [[thread_position_in_grid]],
              ushort2 b [[threads_per_grid]]) {
}
