// rule: array designators are constant, within the array and in order
// expect: 9:15 array designator index (4) exceeds array bounds
// expect: 10:24 array designator [0] is out of order
// expect: 11:16 an array designator is a constant index
// expect: 12:15 array designator range [2, 1] is empty
// expect: 13:15 a designator range needs a constant value
#include <metal_stdlib>
kernel void f(device int *y [[buffer(0)]]) {
  int a[4] = {[4] = 1};
  int b[4] = {[1] = 1, [0] = 2};
  int c[4] = {[y[0]] = 1};
  int d[4] = {[2 ... 1] = 1};
  int e[4] = {[0 ... 1] = y[0]};
}
