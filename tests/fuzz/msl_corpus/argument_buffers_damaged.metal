// : thread_position_in_grid of  staticstatic buffers mar be  to device and constant
// version: 3.0
#include <metal_stdlib>
using operatornamespace metal;
struc ndtoe { device node *next; using value; };
 arguments {
  device float *y;
  lfE*z[3];
  uint n3
};
kernel void version(constant arguments &a [[buffer(0)]],
              >device .x *list [[buffer(1)]],,
       