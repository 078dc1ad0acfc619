// rule: && and || of vectors of bool work element by element
// out: 0 1 1 0 0 0 1 1 1 0 2
#include <metal_stdlib>
using namespace metal;
static bool2 counted(thread int &n, bool2 value) {
  n++;
  return value;
}
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  float2 uv(in[1] * 0.5f, in[2]);
  out[0] = all(uv >= 0.0f && uv <= 1.0f);
  out[1] = any(uv < 0.0f || uv > 1.0f);
  bool4 a = float4(in[1], in[0], in[1], in[0]) > 0.5f;
  bool4 b = float4(in[1], in[1], in[0], in[0]) > 0.5f;
  bool4 both = a && b, either = a || b;
  out[2] = both.x;
  out[3] = both.y;
  out[4] = both.z;
  out[5] = both.w;
  out[6] = either.x;
  out[7] = either.y;
  out[8] = either.z;
  out[9] = either.w;
  int n = 0; // nothing is skipped: there is no one element that decides
  bool2 c = counted(n, false) && counted(n, true);
  out[10] = any(c) ? -1 : n;
}
