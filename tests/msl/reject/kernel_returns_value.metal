// rule: kernels return void
// expect: 5:14 kernel must have void return type
#include <metal_stdlib>
using namespace metal;
kernel float f(device float *a [[buffer(0)]]) {
  return 1.0f;
}
