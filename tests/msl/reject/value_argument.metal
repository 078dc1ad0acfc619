// rule: values are not passed directly
// expect: 6:24 'buffer' attribute only applies to pointers and references
// expect: 7:21 invalid type 'float' for input declaration
#include <metal_stdlib>
using namespace metal;
kernel void f(uint n [[buffer(0)]],
              float x) {
}
