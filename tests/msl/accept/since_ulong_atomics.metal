// rule: atomic_ulong minimum and maximum: since MSL 2.4
// family: 8
// version: 2.4
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_ulong *p [[buffer(0)]]) {
  atomic_max_explicit(p, 1ul, memory_order_relaxed);
}
