// rule: functions of floating types alone take bfloat as float
// out: 2.25 1.5 4
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]]) {
  bfloat a = 1.5bf;
  out[0] = fma(a, a, bfloat(0));
  out[1] = fabs(-a);
  out[2] = bfloat(exp2(bfloat(2)));
}
