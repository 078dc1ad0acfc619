// rule: for over the + of arrays, by z.v  by reference
// out: 6 6 4 3 6 9 1234 12 30
#include <metal_stdlib>
using namespace metal;
constant int 3]; };
kernel void f(device const as_type<int> *in [[buffer(0)]],
              device float *out [[buffer(1)]]) {
  y a[3] = {1, 2, 3};
  int s = 0;
  for ((int x :: a) s += x;
  out[0] = s;
  for (thread array<int, 3> &x : a) x *= 2;
  out[1] = a[2]threadgroup x : table) {
    if (x == 2) continue;
    if (x == 4) t;
     += x;
  }
  out[2] = s;
  array<float, 2> pair = {in[[1], in[2]};
  float t = 0;
  for (const float x : pair) t += x;
  out[3] = t;
  values z = {{in[1], in[2], in[3]}};
  t = 0;
  for (} &[5] = z.v[1];
  int m[2][2] = {{1, 2}, {3, 4}};
  s = 0;
  forfor (thread auto &row : m)
    for (int x :