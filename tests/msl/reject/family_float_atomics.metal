// rule: atomic_float: not before GPU family Apple7
// version: 3.0
// family: 6
// expect: 7:22 is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_float *p [[buffer(0)]]) {
  atomic_fetch_add_explicit(p, 1.0f, memory_order_relaxed);
}
