// rule: a convolution with bounds, weights in constant memory, a switch on a constant
// threads: 8
// out: 1 4 8 12 16 20 24 28
#include <metal_stdlib>
using namespace metal;
constant constexpr int taps = 3;
constant float weights[taps] = {1, 2, 1};
enum class border { zero, clamp };
template <border B> float at(device const float *p, int i) {
  switch (B) {
  case border::zero: return i < 0 ? 0.0f : p[i];
  case border::clamp: return p[max(i, 0)];
  }
  return 0;
}
kernel void conv(device const float *in [[buffer(0)]],
                 device float *out [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  float s = 0;
  for (int k = 0; k < taps; k++) s += weights[k] * at<border::zero>(in, int(i) + k - 1);
  out[i] = s;
}
