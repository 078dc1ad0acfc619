// rule: designators of arrays, with ranges, as clang's extension has them
// out: 0 5 5 0 8 4 4
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(1)]]) {
  float a[5] = {[1 ... 2] = 5.0f, [4] = 8.0f};
  int b[] = {[3] = 4};
  for (int i = 0; i < 5; i++) out[i] = a[i];
  out[5] = b[3];
  out[6] = sizeof(b) / sizeof(b[0]);
}
