// rule: [[buffer]] is for device and constant memory
// expect: 6:38 'buffer' attribute does not apply to the threadgroup address space
// expect: 7:33 'threadgroup' attribute does not apply to the device address space
#include <metal_stdlib>
using namespace metal;
kernel void f(threadgroup float *a [[buffer(0)]],
              device float *b [[threadgroup(0)]]) {
}
