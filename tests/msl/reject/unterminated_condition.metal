// rule: #if needs #endif
// expect: 3:1 unterminated conditional directive
#if 1
#include <metal_stdlib>
using namespace metal;
