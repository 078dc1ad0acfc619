// rule: packing into 5, 6 and 5 bits is refused by name
// expect: 7:10 'unpack_unorm565_to_float' is not supported
// expect: 8:10 'pack_half_to_unorm565' is not supported
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]]) {
  y[0] = unpack_unorm565_to_float(ushort(1)).x;
  y[0] = pack_half_to_unorm565(half3(1));
}
