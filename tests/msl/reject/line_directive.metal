// rule: errors are where #line says they are
// expect: 501:1 #line takes a number
#include <metal_stdlib>
using namespace metal;
#line 500
constant int n;
#line x
