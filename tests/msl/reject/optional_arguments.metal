// rule: function_constant of a parameter names a constant of type bool
// expect: 9:44 'function_constant' attribute of a parameter must name a function constant of type bool
// expect: 10:44 'function_constant' attribute of a parameter must name a function constant of type bool
// expect: 11:49 'function_constant' attribute only applies to pointers and references
#include <metal_stdlib>
using namespace metal;
constant int n [[function_constant(0)]];
constant bool b [[function_constant(1)]];
kernel void f(device float *y [[buffer(0), function_constant(n)]],
              device float *z [[buffer(1), function_constant(true)]],
              uint i [[thread_position_in_grid, function_constant(b)]]) {
  y[i] = z[i];
}
