// rule: coherent(device): since MSL 3.2
// version: 3.2
#include <metal_stdlib>
using namespace metal;
kernel void f(coherent(device) device float *y [[buffer(0)]]) {
  y[0] = 1;
}
