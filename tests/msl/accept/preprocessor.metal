// rule: macros with arguments, # ## variadic, nested conditions
#include <metal_stdlib>
using namespace metal;
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define LIST(T, ...) T CAT(list, __LINE__)[] = {__VA_ARGS__}
#define MAX3(a, b, c) max((a), max((b), (c)))
#define SELF SELF
#if defined(__METAL_VERSION__) && __METAL_VERSION__ >= 300 && !defined NOPE
#  define TYPE float
#elif 1
#  error not here
#else
#  error nor here
#endif
#ifdef TYPE
#ifndef NOPE
#undef NOPE
#endif
#endif
kernel void f(device float *y [[buffer(0)]],
              uint i [[thread_position_in_grid]]) {
  LIST(TYPE, 1.0f, 2.0f, 3.0f);
  float SELF = 4.0f;
  y[i] = MAX3(1.0f, SELF, \
              3.0f);
}
