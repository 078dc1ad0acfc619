// rule: threadgroup variables are declared in kernels
// expect: 6:21 can only be declared in a kernel function
#include <metal_stdlib>
using namespace metal;
static void g() {
  threadgroup float t[4];
}
