// rule: pointers and references name the space they refer to
#include <metal_stdlib>
using namespace metal;
static float first(device const float *p) { return p[0]; }
static float first(constant float *p) { return p[0]; }
static float first(threadgroup float *p) { return p[0]; }
static float first(thread const float *p) { return p[0]; }
constant float table[2] = {1.0f, 2.0f};
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float shared[4];
  float own[3] = {1.0f};
  thread float *q = own;
  *q++ = 2.0f;
  thread float &r = own[1];
  r += *q;
  y[i] = first(y) + first(table) + first(shared) + first(own) + (q - own);
}
