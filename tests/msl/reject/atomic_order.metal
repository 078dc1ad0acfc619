// rule: atomics are relaxed before MSL 4.1
// expect: 7:55 no matching function for call to 'atomic_load_explicit'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = atomic_load_explicit((device atomic_int *)y, memory_order_acquire);
}
