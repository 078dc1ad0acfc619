// rule: coherent(device): not before MSL 3.2
// version: 3.1
// expect: 6:15 'coherent' needs MSL 3.2
#include <metal_stdlib>
using namespace metal;
kernel void f(coherent(device) device float *y [[buffer(0)]]) {
  y[0] = 1;
}
