// rule: labels are constants, each once, and jump over no initialisation
// expect: 10:8 case value is not a constant expression
// expect: 12:3 duplicate case value '3'
// expect: 16:3 bypasses the initialization of 'k'
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  switch (int(i)) {
  case int(y[0]): break;
  case 3: break;
  case 3: break;
  }
  switch (i) {
  case 0u: int k = 1; y[k] = 0.0f;
  case 1u: break;
  }
}
