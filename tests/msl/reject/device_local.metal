// rule: locals are in thread memory
// expect: 7:16 qualified with an invalid address space 'device'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  device float a;
}
