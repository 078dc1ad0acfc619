// rule: atomic operations in device and threadgroup memory, relaxed
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_uint *c [[buffer(0)]],
              device float *y [[buffer(1)]],
              device atomic_float *s [[buffer(2)]],
              device atomic<int> &n [[buffer(3)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup atomic_int t;
  threadgroup atomic_uint bins[16];
  if (i == 0) atomic_store_explicit(&t, 0, memory_order_relaxed);
  atomic_fetch_add_explicit(&bins[i % 16], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&c[i], 1u, memory_order_relaxed);
  atomic_fetch_add_explicit(s, 0.5f, memory_order_relaxed);
  atomic_fetch_max_explicit(&n, 3, memory_order_relaxed);
  device atomic_uint *slot = (device atomic_uint *)y;
  uint old = atomic_load_explicit(slot, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(
      slot, &old, as_type<uint>(as_type<float>(old) + 1.0f),
      memory_order_relaxed, memory_order_relaxed)) {}
  old = atomic_exchange_explicit(c, 1, memory_order::memory_order_relaxed);
}
