// rule: plain and scoped enumerations, underlying types
#include <metal_stdlib>
using namespace metal;
enum Mode { A, B = 5, C };
enum class Kind : uint { First = 1u, Second };
constant int SIZE = C + 1;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  Mode m = B;
  Kind k = Kind::Second;
  int x[SIZE];
  x[0] = m + C;
  static_assert(C == 6 && uint(Kind::Second) == 2u, "");
  switch (k) {
  case Kind::First: y[i] = 1.0f; break;
  case Kind::Second: y[i] = x[0]; break;
  }
}
