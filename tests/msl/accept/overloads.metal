// rule: user functions: exact match, promotion, then conversion
#include <metal_stdlib>
using namespace metal;
static int pick(int) { return 1; }
static int pick(uint) { return 2; }
static int pick(float) { return 3; }
static int pick(float2) { return 4; }
inline float scale(float x, int n) { return x * n; }
METAL_FUNC float scale(float x, float n) { return x * n; }
static inline __attribute__((always_inline)) float twice(thread const float &x) { return x + x; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  short s = 1;
  float a = 2.0f;
  y[i] = pick(s) + pick(1u) + pick(1.0f) + pick(float2(1)) + scale(a, 2) + scale(a, 2.0f) + twice(a);
}
