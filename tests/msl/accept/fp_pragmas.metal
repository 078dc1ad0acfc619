// rule: math_mode and contract at file scope and at the start of a block
#pragma METAL fp math_mode(safe)
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  #pragma METAL fp contract(fast)
  float a = y[i] * 2.0f + 1.0f;
  {
    #pragma METAL fp math_mode(relaxed)
    a = a / 3.0f;
  }
  y[i] = a;
}
