// rule: metal:: reaches types and functions without a using directive
#include <metal_stdlib>
kernel void f(device metal::float4 *y [[buffer(0)]],
              metal::uint i [[thread_position_in_grid]]) {
  y[i] = metal::max(y[i], metal::float4(0.0f));
  y[i].x = metal::precise::exp(y[i].x) + metal::as_type<float>(1);
}
