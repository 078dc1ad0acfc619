// rule: buffer indices are 0 to 30
// expect: 6:33 'buffer' attribute parameter is out of bounds: must be between 0 and 30
// expect: 7:38 'threadgroup' attribute parameter is out of bounds
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *a [[buffer(31)]],
              threadgroup float *t [[threadgroup(-1)]]) {
}
