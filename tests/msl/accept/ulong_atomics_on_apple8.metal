// rule: 64-bit minimum and maximum need Apple8 and MSL 2.4
// family: 8
// version: 2.4
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_ulong *c [[buffer(0)]]) {
  atomic_max_explicit(c, 3ul, memory_order_relaxed);
}
