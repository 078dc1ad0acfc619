// rule: components by xyzw or rgba, repeated when read, distinct when written (spec 2.2.1)
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float4 v = float4(1.0f);
  v.xy = v.zw;
  v.rgb = v.bgr;
  v.w = 3.0f;
  v.zyx.xy = float2(1.0f, 2.0f);
  v.xz += v.yy;
  float3 w = v.xxx + (v + v).wzy;
  y[i] = w.x + v[i & 3] + (v * 2.0f)[1];
}
