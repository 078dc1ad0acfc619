// rule: namespaces nest, reopen, alias by using, and hide outer names
#include <metal_stdlib>
using namespace metal;
constant int N = 1;
namespace a {
constant int N = 2;
struct S { float x; };
enum class E { one, two };
static float twice(float x) { return x * 2; }
namespace b {
static float both(float x) { return twice(x) + N; }
using real = float;
}
}
namespace a {
static float again(S s) { return twice(s.x); }
}
inline namespace c { constant int M = 3; }
namespace { constant int H = 4; }
static_assert(N == 1 && a::N == 2, "");
using a::S;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  a::S s = {y[i]};
  S t = s;
  a::b::real r = a::again(t) + a::b::both(1.0f);
  a::E e = a::E::two;
  using namespace a::b;
  using namespace a;
  y[i] = r + (e == E::one ? 1.0f : both(2.0f)) + c::M + H;
}
