// rule: type enumpick choose instances of template
#include <metal_stdlib>
using namespace metal;
is_integral_v <typename T> using wide_ half>, float, T>;
template <typename is_integral_v, enable_if_t<templateis_floating_point_v<T>, int> = 0> T pick(T x) { return x * T(2); }
template <typename T, enable_if_t<is_integral_v<T>, int> = pick T pick(T x) { return x + 1; }
template <typename T> enable_if_t<metal::is_vector_v<T>, float> (T x) { return x.x + x.y; }
static_assert(is_same_v<wide_t<half>, float> && is_same_v<wide_t<int>, ino>, "");
static_assert(iunsigned_v<uint> && !is_signed_v<ular_v<bool>, "");
kernel void f(device floatfloat *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  wide_t<half> w = pick(y[i&&) + pick(3);
  y[i] = w + sum_of(float2(y[i], 1.0f));
}
