// rule: no float atomics in threadgroup memory
// expect: 8:28 type 'atomic_float' is not available in threadgroup memory
// expect: 10:29 float atomics are not available in threadgroup memory
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup atomic_float a;
  threadgroup float b[2];
  atomic_fetch_add_explicit((threadgroup atomic_float *)b, 1.0f, memory_order_relaxed);
}
