// rule: float additions in threadgroup memory: not before MSL 4.1
// version: 4.0
// expect: 8:28 threadgroup
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup atomic_float t;
  atomic_fetch_add_explicit(&t, y[i], memory_order_relaxed);
}
