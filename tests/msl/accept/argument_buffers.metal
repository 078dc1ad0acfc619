// rule: members of structs in buffers may be pointers to device and constant
// version: 3.0
#include <metal_stdlib>
using namespace metal;
struct node { device node *next; float value; };
struct arguments {
  device float *y;
  constant float4 *x;
  device const half *z[3];
  uint n;
};
kernel void f(constant arguments &a [[buffer(0)]],
              device node *list [[buffer(1)]],
              device arguments *more [[buffer(2)]],
              uint i [[thread_position_in_grid]]) {
  if (i < a.n) a.y[i] = a.x[i].w + a.z[2][i];
  for (device node *p = list; p != nullptr; p = p->next) a.y[0] += p->value;
  more[i].y = a.y + i;
  threadgroup node local[4];
  local[i % 4].next = list;
}
