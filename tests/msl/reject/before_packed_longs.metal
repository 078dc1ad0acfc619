// rule: packed_long: not before MSL 2.3
// version: 2.2
// expect: 6:22 packed_long2
#include <metal_stdlib>
using namespace metal;
kernel void f(device packed_long2 *y [[buffer(0)]]) {
  y[0] = long2(1);
}
