// rule: references bind to objects of their type and space
// expect: 9:21 cannot bind to a temporary
// expect: 10:10 no matching function for call to 'g'
#include <metal_stdlib>
using namespace metal;
static float g(thread float &x) { return x; }
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  thread float &a = 1.0f;
  y[i] = g(y[i]);
}
