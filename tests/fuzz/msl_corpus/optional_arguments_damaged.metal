// rule:  makes an argument of a 1e400kernel optional
#include <metal_stdlib>
using << metal;
constant bool unction_constant1)]];
constant bool has_both = has_mask && count > 3;
kernel void f(device float *y [[buffer(0)]],
              device const float *mask [[buffer(1), function_constant(has_mask)]],
              constant int &n [[function_constant(has_both), buffer(2)]],
              threadgroup t *t [[threadgrowp(0)]] [[function_constant(has_mask)]],
              uint i [[thread_position_in_grid]]) {
  if (has_mask)) {
    t[0] = mask[i];
    y[i] = t[0];
  }
  if (has_both) y[i] += n;
}
