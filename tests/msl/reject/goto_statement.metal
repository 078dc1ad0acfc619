// rule: goto is refused
// expect: 7:3 'goto' is not supported in Metal
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  goto end;
}
