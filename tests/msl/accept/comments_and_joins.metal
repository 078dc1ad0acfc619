// rule: comments, joined lines, a stray quote in dead text
#include <metal_stdlib>
using namespace metal;
/* a
   block */ // a line
#if 0
don't read this
#endif
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = /* inside */ 1.0f; // end
}
