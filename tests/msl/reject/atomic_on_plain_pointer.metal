// rule: atomic functions take atomic types
// expect: 7:29 no matching function for call to 'atomic_fetch_add_explicit'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(y, 1.0f, memory_order_relaxed);
}
