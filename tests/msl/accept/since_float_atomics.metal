// rule: atomic_float in device memory: since MSL 3.0
// version: 3.0
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_float *p [[buffer(0)]]) {
  atomic_fetch_add_explicit(p, 1.0f, memory_order_relaxed);
}
