// rule: atomic_ulong: since GPU family Apple8
// version: 2.4
// family: 8
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_ulong *p [[buffer(0)]]) {
  atomic_max_explicit(p, 1ul, memory_order_relaxed);
}
