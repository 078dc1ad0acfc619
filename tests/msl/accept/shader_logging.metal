// rule: os_log checks its format; values are promoted as for variadic calls
#include <metal_stdlib>
#include <metal_logging>
using namespace metal;
constant os_log logger("com.example", "kernels");
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  logger.log("x = %f, i = %u %%\n", y[i], i);
  logger.log_debug("%v4f %v2d", float4(y[i]), short2(1));
  os_log_default.log_error("%5.2f %lx " "%hhd", half(y[i]), ulong(i), uchar(i));
  os_log_default.log("nothing");
  metal::os_log_default.log_info("%d", i < 3);
  logger.log_fault("%p", y);
}
