// rule: float has no atomic minimum
// expect: 7:29 no matching function for call to 'atomic_fetch_min_explicit'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  atomic_fetch_min_explicit((device atomic_float *)y, 1.0f, memory_order_relaxed);
}
