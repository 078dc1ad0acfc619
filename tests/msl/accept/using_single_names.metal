// rule: using metal::name brings one name in
#include <metal_stdlib>
using metal::uint;
using metal::max;
kernel void f(device uint *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = max(y[i], 3u);
}
