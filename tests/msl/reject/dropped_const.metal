// rule: const is not dropped implicitly
// expect: 8:21 cannot initialize a variable of type 'device float *'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  device const float *c = y;
  device float *p = c;
}
