// rule: unions are refused by name
// expect: 5:1 unions are not supported by this front end
#include <metal_stdlib>
using namespace metal;
union U { int a; float b; };
