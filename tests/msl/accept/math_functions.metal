// rule: every function of spec table 6.4 for float and half
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float x = y[i], r = 0.0f, c;
  int e;
  half h = half(x), hh = 0.0h;
  r += acos(x) + acosh(x) + asin(x) + asinh(x) + atan(x) + atan2(x, r) + atanh(x);
  r += ceil(x) + copysign(x, r) + cos(x) + cosh(x) + cospi(x) + divide(x, r);
  r += exp(x) + exp2(x) + exp10(x) + fabs(x) + abs(x) + fdim(x, r) + floor(x);
  r += fma(x, r, x) + fmax(x, r) + max(x, r) + fmax3(x, r, x) + max3(x, r, x);
  r += fmedian3(x, r, x) + median3(x, r, x) + fmin(x, r) + min(x, r) + fmin3(x, r, x);
  r += fmod(x, r) + fract(x) + frexp(x, e) + ilogb(x) + ldexp(x, e) + log(x);
  r += log2(x) + log10(x) + modf(x, c) + nextafter(x, r) + pow(x, r) + powr(x, r);
  r += rint(x) + round(x) + rsqrt(x) + sin(x) + sincos(x, c) + sinh(x) + sinpi(x);
  r += sqrt(x) + tan(x) + tanh(x) + tanpi(x) + trunc(x);
  r += clamp(x, 0.0f, 1.0f) + mix(x, r, 0.5f) + saturate(x) + sign(x) + smoothstep(0.0f, 1.0f, x) + step(0.5f, x);
  hh += exp(h) + max(h, 1.0h) + clamp(h, 0.0h, 1.0h) + fma(h, h, h) + sin(h);
  r += precise::exp(x) + fast::exp(x) + precise::tanh(x) + fast::max(x, r) + precise::divide(x, r);
  bool b = isfinite(x) || isinf(x) || isnan(h) || isnormal(x) || isordered(x, r) || isunordered(x, r) || signbit(x);
  float4 v = exp2(float4(x)) + max(float4(x), 0.0f) + clamp(float4(r), 0.0f, 1.0f);
  y[i] = r + c + hh + b + v.x;
}
