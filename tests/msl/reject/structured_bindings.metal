// rule: structured bindings are refused by name, and nothing else with them
// expect: 9:8 structured bindings are not supported
// version: 4.0
#include <metal_stdlib>
using namespace metal;
struct pair { float a, b; };
kernel void f(device float *y [[buffer(0)]]) {
  pair p = {1, 2};
  auto [a, b] = p;
  y[0] = a + b;
}
