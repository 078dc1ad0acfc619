// rule: an address is a 64 bit integer, and only reinterpret_cast gives it
// expect: 10:12 cannot cast from type 'device ulong *' to 'uint'
// expect: 11:21 cannot cast from type 'ulong' to 'device float *'
// expect: 12:21 cannot initialize a variable of type 'device float *'
// expect: 13:13 cannot cast
// expect: 14:19 addresses in thread memory are not supported
#include <metal_stdlib>
using namespace metal;
kernel void f(device ulong *p [[buffer(0)]]) {
  uint a = (uint)p;
  device float *b = static_cast<device float *>(p[0]);
  device float *c = p[0];
  float d = reinterpret_cast<float>(p);
  thread int *e = reinterpret_cast<thread int *>(p[0]);
}
