// rule: function constants have no initialiser
// expect: 6:14 cannot be initialized
// expect: 7:18 is used by 'A' too
#include <metal_stdlib>
using namespace metal;
constant int A [[function_constant(0)]] = 3;
constant int B [[function_constant(0)]];
