// rule: host_name gives a kernel the name that the host asks for
#include <metal_stdlib>
using namespace metal;
[[host_name("add_f32")]] kernel void f(device float *y [[buffer(0)]]) { y[0] = 1.0f; }
