// rule: as_type needs equal sizes and no bool
// expect: 8:10 as_type from 'float' to 'ushort' is not allowed
// expect: 9:10 as_type from 'bool' to 'uchar' is not allowed
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = as_type<ushort>(1.0f);
  y[i] = as_type<uchar>(true);
}
