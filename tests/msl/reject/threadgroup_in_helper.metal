// rule: threadgroup variables are declared in kernels
// expect: 6:21 outermost scope of a kernel function
#include <metal_stdlib>
using namespace metal;
static void g() {
  threadgroup float t[4];
}
