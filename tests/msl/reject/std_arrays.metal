// rule: the index of an array<T, n> is in range, its size positive
// expect: 11:12 index 3 is outside of 'float [3]'
// expect: 12:16 expected a constant from 1 to
// expect: 13:9 array of elements of type 'void'
// expect: 14:21 cannot initialize a variable of type 'array<int, 3>'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  array<float, 3> a = {1, 2, 3};
  y[i] = a[3];
  array<float, 0> b;
  array<void, 2> c;
  array<int, 3> d = a;
}
