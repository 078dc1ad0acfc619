// rule: what os_log refuses
// expect: 16:23 the subsystem of an os_log must be a string literal
// expect: 19:20 argument 1 of the log message has type 'float'
// expect: 20:14 more conversions than arguments
// expect: 21:14 more arguments than conversions
// expect: 22:14 a conversion that is not
// expect: 23:10 no member function named 'shout'
// expect: 24:14 the format of a log message must be a string literal
// expect: 25:10 an os_log must be a program scope variable
// expect: 26:30 argument 1 of the log message has type 'float3'
// expect: 27:10 an os_log can do nothing but log
#include <metal_stdlib>
#include <metal_logging>
using namespace metal;
constant os_log logger("a", "b");
constant os_log other(1, "b");
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  logger.log("%d", y[i]);
  logger.log("%d");
  logger.log("x", i);
  logger.log("%s", i);
  logger.shout("x");
  logger.log(i);
  os_log local("a", "b");
  os_log_default.log("%v4f", float3(1));
  y[i] = logger;
}
