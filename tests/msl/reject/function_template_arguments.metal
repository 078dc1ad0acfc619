// rule: a function argument has the very type of the template's parameter
// expect: 11:10 no matching function for call to 'apply'
// expect: 12:10 no matching function for call to 'apply'
// expect: 13:10 no matching function for call to 'apply'
#include <metal_stdlib>
using namespace metal;
static float good(float x) { return x; }
static half narrow(half x) { return x; }
template <float (*F)(float)> float apply(float x) { return F(x); }
kernel void f(device float *y [[buffer(0)]]) {
  y[0] = apply<narrow>(1.0f);
  y[0] = apply<3>(1.0f);
  y[0] = apply<float>(1.0f);
  y[0] = apply<good>(1.0f);
}
