// rule: precise:: has math functions only
// expect: 7:19 no member named 'popcount' in namespace 'metal::precise'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = precise::popcount(i);
}
