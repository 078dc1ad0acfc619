// rule: memory orders of atomics other than relaxed: since MSL 4.1
// version: 4.1
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_int *p [[buffer(0)]]) {
  atomic_store_explicit(p, 1, memory_order_release);
}
