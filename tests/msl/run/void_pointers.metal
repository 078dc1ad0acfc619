// rule: pointers are compared with pointers to void
// out: 1 0
#include <metal_stdlib>
using namespace metal;
kernel void f(device const void *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  device const float *p = (device const float *)in;
  out[0] = p == in;
  out[1] = p + 1 != in ? 0 : 1;
}
