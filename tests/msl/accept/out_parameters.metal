// rule: thread references and pointers as results
#include <metal_stdlib>
using namespace metal;
static void both(thread float &a, thread float2 *b) { a = 3.0f; b->x = 4.0f; (*b).y = 5.0f; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float a;
  float2 b;
  both(a, &b);
  y[i] = a + b.x;
}
