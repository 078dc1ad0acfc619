// rule: max(int, uint) is ambiguous
// expect: 11:10 call to 'max' is ambiguous
// expect: 12:10 call to 'min' is ambiguous
// expect: 13:10 call to 'fmod' is ambiguous
// expect: 14:10 call to 'clamp' is ambiguous
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  int a = 1;
  y[i] = max(a, 2u);
  y[i] = min(short(1), 2);
  y[i] = fmod(2, 3u);
  y[i] = clamp(a, 0u, 5);
}
