// rule: required threads are of a kernel, positive and at most 1024 in all
// version: 4.0
// expect: 8:3 attribute 'required_threads_per_threadgroup' only applies to kernels
// expect: 9:3 'required_threads_per_threadgroup' attribute parameter is out of bounds
// expect: 10:3 'required_threads_per_threadgroup' asks for more than 1024 threads
#include <metal_stdlib>
using namespace metal;
[[required_threads_per_threadgroup(32)]] void a() {}
[[required_threads_per_threadgroup(0)]] kernel void b() {}
[[required_threads_per_threadgroup(64, 32)]] kernel void c() {}
