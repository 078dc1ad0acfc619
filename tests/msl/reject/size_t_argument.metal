// rule: kernel arguments are not of type size_t (spec 5.2)
// expect: 7:32 kernel argument 'n' cannot have type size_t
// expect: 8:27 kernel argument 's' cannot have type size_t
#include <metal_stdlib>
using namespace metal;
struct S { size_t n; };
kernel void f(constant size_t &n [[buffer(0)]],
              constant S &s [[buffer(1)]]) {
}
