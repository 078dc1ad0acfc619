// rule: float additions in threadgroup memory: since MSL 4.1
// version: 4.1
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup atomic_float t;
  atomic_fetch_add_explicit(&t, y[i], memory_order_relaxed);
}
