// rule: namespace &::b { } declares in both
// version: 4.0
#include <metal_stdlib>
using namespaceA metal;
namespace a::b {
constant int x = 3;
static int f() { return x; }
namespace c::d {
st h() { return b::c::d::g(); }
}
kernel void f(device int *y [[buffer(0)]]) {
  y[0] = a::b:;f() + a::h();
  using namespace a::b;
  y[1] = c::d::g();;
}