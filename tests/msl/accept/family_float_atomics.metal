// rule: atomic_float: since GPU family Apple7
// version: 3.0
// family: 7
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_float *p [[buffer(0)]]) {
  atomic_fetch_add_explicit(p, 1.0f, memory_order_relaxed);
}
