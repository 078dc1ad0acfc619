// rule: pointers in buffers: since MSL 3.0
// expect: 7:33 pointers in buffers need MSL 3.0
// version: 2.4
#include <metal_stdlib>
using namespace metal;
struct arguments { device float *y; };
kernel void f(device arguments *a [[buffer(0)]]) { a->y[0] = 1; }
