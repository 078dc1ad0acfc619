// rule: type traits choose instances of templates
#include <metal_stdlib>
using namespace metal;
template <typename T> using wide_t = conditional_t<is_same_v<T, half>, float, T>;
template <typename T, enable_if_t<is_floating_point_v<T>, int> = 0> T pick(T x) { return x * T(2); }
template <typename T, enable_if_t<is_integral_v<T>, int> = 0> T pick(T x) { return x + 1; }
template <typename T> enable_if_t<metal::is_vector_v<T>, float> sum_of(T x) { return x.x + x.y; }
static_assert(is_same_v<wide_t<half>, float> && is_same_v<wide_t<int>, int>, "");
static_assert(is_unsigned_v<uint> && !is_signed_v<uchar> && is_signed_v<half> && is_scalar_v<bool>, "");
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  wide_t<half> w = pick(y[i]) + pick(3);
  y[i] = w + sum_of(float2(y[i], 1.0f));
}
