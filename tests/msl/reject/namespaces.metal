// rule: a namespace has only what is declared in it, and metal is the library's
// expect: 10:11 namespace 'metal' is the library's
// expect: 13:13 no member named 'X' in namespace 'a'
// expect: 14:10 use of undeclared identifier 'N'
// expect: 15:3 a namespace can only be declared at file scope
// expect: 16:19 expected namespace name
#include <metal_stdlib>
using namespace metal;
namespace a { constant int N = 2; }
namespace metal { constant int M = 3; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = a::X;
  y[i] = N;
  namespace b { }
  using namespace q;
}
