// rule: only kernels are supported
// expect: 5:1 vertex functions are not supported
#include <metal_stdlib>
using namespace metal;
vertex float4 f() { return 0.0f; }
