// rule: kernel f() and [[kernel]] f() declare kernels (spec 5.1.3)
#include <metal_stdlib>
using namespace metal;
kernel void a(device float *x [[buffer(0)]]) { x[0] = 1.0f; }
[[kernel]] void b(device float *x [[buffer(0)]]) { x[0] = 2.0f; }
