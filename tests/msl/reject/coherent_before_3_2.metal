// rule: coherent and scopes of barriers need MSL 3.2
// expect: 7:15 'coherent' needs MSL 3.2
// expect: 8:3 'threadgroup_barrier' with a thread_scope needs MSL 3.2
// version: 3.1
#include <metal_stdlib>
using namespace metal;
kernel void f(coherent(device) device float *y [[buffer(0)]]) {
  threadgroup_barrier(mem_flags::mem_device, thread_scope_threadgroup);
}
