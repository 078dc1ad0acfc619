// rule: argmax with a functor and a struct that is shuffled by members
// threads: 32
// out: 39 17
#include <metal_stdlib>
using namespace metal;
template <typename T> struct IndexedValue { uint index; T value; };
template <typename T> struct ArgMax {
  static constexpr constant T init = -3.0e38f;
  IndexedValue<T> reduce(IndexedValue<T> a, IndexedValue<T> b) {
    if (b.value > a.value || (b.value == a.value && b.index < a.index)) return b;
    return a;
  }
};
template <typename T, typename Op> IndexedValue<T> best(Op op, IndexedValue<T> v) {
  for (ushort k = 16; k > 0; k /= 2) {
    IndexedValue<T> other = {simd_shuffle_down(v.index, k), simd_shuffle_down(v.value, k)};
    v = op.reduce(v, other);
  }
  return v;
}
kernel void argmax(device const float *in [[buffer(0)]],
                   device float *out [[buffer(1)]],
                   uint i [[thread_position_in_grid]]) {
  IndexedValue<float> v = {i, i == 17 ? 39.0f : in[i]};
  v = best<float>(ArgMax<float>(), v);
  if (i == 0) { out[0] = v.value; out[1] = v.index; }
}
