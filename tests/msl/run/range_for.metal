// rule: for over the elements of arrays, by value and by reference
// out: 6 6 4 3 6 9 1234 12 30
#include <metal_stdlib>
using namespace metal;
constant int table[4] = {1, 2, 3, 4};
struct values { float v[3]; };
kernel void f(device const float *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  int a[3] = {1, 2, 3};
  int s = 0;
  for (int x : a) s += x;
  out[0] = s;
  for (thread int &x : a) x *= 2;
  out[1] = a[2];
  s = 0;
  for (auto x : table) {
    if (x == 2) continue;
    if (x == 4) break;
    s += x;
  }
  out[2] = s;
  array<float, 2> pair = {in[1], in[2]};
  float t = 0;
  for (const float x : pair) t += x;
  out[3] = t;
  values z = {{in[1], in[2], in[3]}};
  t = 0;
  for (auto &x : z.v) {
    t += x;
    x = 9;
  }
  out[4] = t;
  out[5] = z.v[1];
  int m[2][2] = {{1, 2}, {3, 4}};
  s = 0;
  for (thread auto &row : m)
    for (int x : row) s = s * 10 + x;
  out[6] = s;
  int k = 0; // the range is looked at once
  s = 0;
#pragma unroll
  for (int x : m[k]) {
    k = 1;
    s = s * 10 + x;
  }
  out[7] = s;
  threadgroup float shared[4];
  for (threadgroup float &x : shared) x = in[7] + 0.5f;
  t = 0;
  for (float x : shared) t += x;
  out[8] = t;
}
