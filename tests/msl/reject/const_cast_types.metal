// rule: const_cast changes nothing but const and volatile
// expect: 10:19 cannot cast from type 'const device float *' to 'device int *'
// expect: 11:13 cannot cast from type 'int' to 'float'
// expect: 12:21 cannot cast from type 'const device float *' to 'device float *'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  device const float *p = y;
  device int *q = const_cast<device int *>(p);
  float z = const_cast<float>(3);
  device float *r = static_cast<device float *>(p);
}
