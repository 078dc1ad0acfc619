// rule: frexp and modf give two results, for scalars and vectors
// out: 0.5 4 -0.75 0 0 0 0.5 -2 0.75 3 -0.5 -2 0.625 5 0.5 1 0.25 7
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  int e;
  out[0] = frexp(in[8], e);
  out[1] = e;
  out[2] = frexp(-0.75f * in[1], e);
  out[3] = e;
  out[4] = frexp(in[0], e);
  out[5] = e;
  half h = half(in[1]) * 0.125h;
  out[6] = frexp(h, e);
  out[7] = e;
  float whole;
  out[8] = modf(3.75f * in[1], whole);
  out[9] = whole;
  out[10] = modf(-2.5f * in[1], whole);
  out[11] = whole;
  int2 exponents;
  float2 parts = frexp(float2(in[20], in[1]), exponents);
  out[12] = parts.x;
  out[13] = exponents.x;
  out[14] = parts.y;
  out[15] = exponents.y;
  half2 wholes;
  half2 rest = modf(half2(half(in[7]) + 0.25h), wholes);
  out[16] = rest.y;
  out[17] = wholes.x;
}
