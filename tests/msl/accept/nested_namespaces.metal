// rule: namespace a::b { } declares in both
// version: 4.0
#include <metal_stdlib>
using namespace metal;
namespace a::b {
constant int x = 3;
static int f() { return x; }
namespace c::d {
static int g() { return f() + 1; }
}
}
namespace a {
static int h() { return b::c::d::g(); }
}
kernel void f(device int *y [[buffer(0)]]) {
  y[0] = a::b::f() + a::h();
  using namespace a::b;
  y[1] = c::d::g();
}
