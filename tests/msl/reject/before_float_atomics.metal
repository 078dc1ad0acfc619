// rule: atomic_float in device memory: not before MSL 3.0
// version: 2.4
// expect: 6:22 type 'atomic_float' is not available
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_float *p [[buffer(0)]]) {
  atomic_fetch_add_explicit(p, 1.0f, memory_order_relaxed);
}
