// rule: attribute types are checked
// expect: 6:25 type 'float' is not valid for attribute 'thread_position_in_grid'
// expect: 7:25 type 'uint2' is not valid for attribute 'thread_index_in_simdgroup'
#include <metal_stdlib>
using namespace metal;
kernel void f(float a [[thread_position_in_grid]],
              uint2 b [[thread_index_in_simdgroup]]) {
}
