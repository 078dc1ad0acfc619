// rule: constants are initialised by constant expressions
// expect: 7:16 must be initialized
// expect: 9:14 must be initialized by a constant expression
#include <metal_stdlib>
using namespace metal;
static float g() { return 1.0f; }
constant float a;
constant int zero = 0;
constant int b = 1 / zero;
