// rule: no strings
// expect: 7:10 string literals are only supported in messages of an os_log
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = "text"[0];
}
