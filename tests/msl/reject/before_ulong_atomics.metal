// rule: atomic_ulong minimum and maximum: not before MSL 2.4
// version: 2.3
// expect: 6:22 type 'atomic_ulong' is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_ulong *p [[buffer(0)]]) {
  atomic_max_explicit(p, 1ul, memory_order_relaxed);
}
