// rule: for, while, do, break, continue, nested and with declarations
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  float s = 0.0f;
  for (int a = 0, b = 8; a < b; ++a, --b) s += a;
  for (;;) { if (s > 3.0f) break; s += 1.0f; }
  uint n = i;
  while (n > 1) { n >>= 1; if (n == 7) continue; s += n; }
  do { s -= 1.0f; } while (s > 0.0f);
  for (uint k = 0; k < 4; k++)
    for (uint j = 0; j < k; j++) { if (j == 2) break; s += j; }
  y[i] = s;
}
