// rule: function constants and what is made of them (spec 5.8)
#include <metal_stdlib>
using namespace metal;
constant bool FAST_PATH [[function_constant(0)]];
constant uint WIDTH [[function_constant(1)]];
constant float4 BIAS [[function_constant(2)]];
constant bool HAS = is_function_constant_defined(WIDTH);
constant uint USED = HAS ? WIDTH : 4u;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  if (FAST_PATH && is_function_constant_defined(BIAS)) y[i] = BIAS.x;
  else y[i] = USED;
}
