// rule: members, nesting, copies, pointers to structs, ->
#include <metal_stdlib>
using namespace metal;
struct Inner { float2 v; int n[3]; };
struct Outer { Inner in; device float *p; };
struct Node;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  struct Local { float a, b; };
  Outer o;
  o.in.v = float2(1.0f);
  o.in.n[2] = 4;
  o.p = y;
  Outer copy = o;
  thread Outer *q = &copy;
  q->in.v.x = 2.0f;
  (*q).p[i] = q->in.n[2];
  Local l = {1.0f, 2.0f};
  y[i] += l.a;
}
