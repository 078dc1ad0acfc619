// rule: kernels are not called
// expect: 8:3 kernel function 'f' cannot be called
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *a [[buffer(0)]]) {
}
kernel void g(device float *a [[buffer(0)]]) {
  f(a);
}
