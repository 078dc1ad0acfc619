#include <metal_logging>
using namespace metal;
constant os_log l("\q", "b");
kernel void f() { l.log("%v9", 1); l.log("%"); l.log; l; os_log_default.log("%d" "%", nullptr); }
