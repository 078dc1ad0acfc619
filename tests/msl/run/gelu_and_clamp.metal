// rule: gelu by tanh, fast and precise functions, saturation
// within: 1e-5
// out: 0 0.8411920 1.9545977 1 0 0.5
#include <metal_stdlib>
using namespace metal;
constant float SQRT_2_OVER_PI = 0.79788456080286535587989211986876f;
constant float COEF_A = 0.044715f;
kernel void gelu(device const float *in [[buffer(0)]],
                 device float *out [[buffer(1)]]) {
  for (int i = 0; i < 3; i++) {
    float x = in[i];
    out[i] = 0.5f * x * (1.0f + precise::tanh(SQRT_2_OVER_PI * x * (1.0f + COEF_A * x * x)));
  }
  out[3] = saturate(in[7]);
  out[4] = fast::clamp(-in[7], 0.0f, 1.0f);
  out[5] = fast::exp2(-in[1]);
}
