// rule: max_total_threads_per_threadgroup is 1 to 1024
// expect: 5:3 must be between 1 and 1024
#include <metal_stdlib>
using namespace metal;
[[max_total_threads_per_threadgroup(2048)]]
kernel void f(device float *a [[buffer(0)]]) {
}
