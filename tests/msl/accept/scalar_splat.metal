// rule: a scalar converts to a vector implicitly, also in operators
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 a = 1.0f;
  half4 b = 2;
  a = a * 2 + 1.0f;
  b *= 0.5h;
  int4 c = int4(1, 2, 3, 4) << 2;
  c &= 7;
  y[i] = a.x + b.y + c.z;
}
