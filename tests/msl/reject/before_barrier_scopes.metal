// rule: barriers with a scope: not before MSL 3.2
// version: 3.1
// expect: 8:3 with a thread_scope needs MSL 3.2
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  simdgroup_barrier(mem_flags::mem_device, thread_scope_simdgroup);
  y[i] = 0;
}
