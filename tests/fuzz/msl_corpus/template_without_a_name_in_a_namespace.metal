// rule: kernels instantiated by name
#include <metal_stdlib>
using namespace metal;
namespace impl {
template <typename T>  Scale<half, 2>(device half *y [[buffer(0)]], constant impl::Scale<half> &s [[buffer(1)]], uint i [[thread_position_in_grid]]);
typedef decltype(scale<int, 1>) scale_t;
#define SCALE(name, T, N) template [[host_name(name)]] kernel scale_t scale<T, N>;
SCALE("scale_i32_" "1", +=int, 1)
