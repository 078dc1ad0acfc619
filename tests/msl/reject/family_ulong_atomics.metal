// rule: atomic_ulong: not before GPU family Apple8
// version: 2.4
// family: 7
// expect: 7:22 is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_ulong *p [[buffer(0)]]) {
  atomic_max_explicit(p, 1ul, memory_order_relaxed);
}
