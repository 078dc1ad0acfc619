// rule: no dynamic memory
// expect: 8:12 'new' is not supported in Metal
// expect: 9:3 'delete' is not supported in Metal
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  auto p = new int;
  delete p;
}
