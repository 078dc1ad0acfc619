// rule: buffers of pointers alone, and of pointers to other spaces
// expect: 10:37 invalid type 'device float * device*' for buffer declaration
// expect: 11:46 invalid type 'device to_thread *' for buffer declaration
// expect: 12:49 invalid type 'device to_threadgroup *' for buffer declaration
// version: 3.0
#include <metal_stdlib>
using namespace metal;
struct to_thread { thread float *p; };
struct to_threadgroup { threadgroup float *p; };
kernel void f(device float *device *a [[buffer(0)]]) {}
kernel void g(device to_thread              *a [[buffer(0)]]) {}
kernel void h(device to_threadgroup            *a [[buffer(0)]]) {}
