// rule: packed_long: since MSL 2.3
// version: 2.3
#include <metal_stdlib>
using namespace metal;
kernel void f(device packed_long2 *y [[buffer(0)]]) {
  y[0] = long2(1);
}
