// rule: buffers hold no pointers here
// expect: 5:37 invalid type
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *device *a [[buffer(0)]]) {
}
