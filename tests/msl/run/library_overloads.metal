// rule: functions of the program overload those of the library
// out: 6 11 5 -3 40 7
#include <metal_stdlib>
using namespace metal;
struct pair { float a, b; };
static inline float dot(float x, float y) { return x * y; }
static pair max(pair x, pair y) { return pair{max(x.a, y.a), max(x.b, y.b)}; }
template <typename T> T clamp(T x) { return clamp(x, T(0), T(7)); }
namespace mine {
static float abs(float x) { return -3.0f + 0.0f * x; }
static float use(float x) { return abs(x); }
}
static int min(int a, uint b) { return a * int(b); }
kernel void f(device float *out [[buffer(1)]]) {
  out[0] = dot(2.0f, 3.0f);
  out[1] = dot(float2(1, 2), float2(3, 4));
  pair p = max(pair{5, 1}, pair{2, 3});
  out[2] = p.a;
  out[3] = mine::use(9.0f);
  out[4] = min(10, 4u);
  out[5] = clamp(9);
}
