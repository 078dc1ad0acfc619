// rule: a const thread reference binds to a temporary
#include <metal_stdlib>
using namespace metal;
struct S { float a, b; };
static float sum(thread const S &s) { return s.a + s.b; }
static float dot4(const thread float4 &a, const thread float4 &b) { return dot(a, b); }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  const thread float &r = y[i] * 2.0f;
  y[i] = sum(S{1.0f, r}) + dot4(float4(1.0f), 2.0f) + dot4(float4(y[i]), float4(3.0f));
}
