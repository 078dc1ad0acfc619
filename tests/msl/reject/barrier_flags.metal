// rule: a barrier takes a constant mem_flags
// expect: 8:23 no matching function for call to 'threadgroup_barrier'
// expect: 10:23 must be a constant
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup_barrier(1);
  mem_flags m = i > 3 ? mem_flags::mem_none : mem_flags::mem_device;
  threadgroup_barrier(m);
}
