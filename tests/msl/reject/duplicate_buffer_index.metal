// rule: two arguments at one index
// expect: 6:29 'buffer' resource location 0 is used twice
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *a [[buffer(0)]],
              device float *b [[buffer(0)]]) {
}
