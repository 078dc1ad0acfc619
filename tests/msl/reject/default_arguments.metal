// rule: default arguments come last, once, and not in kernels
// expect: 10:40 missing default argument on parameter 'b'
// expect: 12:14 redefinition of a default argument
// expect: 13:27 cannot initialize a parameter of type 'float'
// expect: 16:10 no matching function for call to 'f2'
// expect: 17:10 no matching function for call to 'f2'
// expect: 19:13 a parameter of a kernel cannot have a default argument
#include <metal_stdlib>
using namespace metal;
static float f1(float a = 1.0f, float b) { return a + b; }
static float f2(float a, float b = 1.0f);
static float f2(float a, float b = 2.0f) { return a + b; }
static float f3(float a = float4(1.0f)) { return a; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = f2();
  y[i] = f2(1, 2, 3);
}
kernel void g(device float *y = nullptr) {}
