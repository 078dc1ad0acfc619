// rule: bytes outside of the language
// expect: 7:10 stray '$' in the program
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = $1;
}
