// rule: lambdas are refused
// expect: 7:12 lambdas are not supported
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  auto g = [](int x) { return x; };
}
