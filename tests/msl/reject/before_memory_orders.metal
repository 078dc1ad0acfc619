// rule: memory orders of atomics other than relaxed: not before MSL 4.1
// version: 4.0
// expect: 7:31 no matching function for call to 'atomic_store_explicit'
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_int *p [[buffer(0)]]) {
  atomic_store_explicit(p, 1, memory_order_release);
}
