// rule: references to arrays and elements of structs
#include <metal_stdlib>
using namespace metal;
struct Row { float v[4]; };
static float sum(thread float (&a)[4]) { return a[0] + a[3]; }
static float sum(threadgroup const float (&a)[4]) { return a[0]; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  threadgroup float t[4];
  Row r = {{1.0f, 2.0f, 3.0f, 4.0f}};
  thread float (&v)[4] = r.v;
  v[2] = 5.0f;
  y[i] = sum(v) + sum(t) + sum(r.v);
}
