// rule: __has_include asks for headers, and is defined
#include <metal_stdlib>
using namespace metal;
#ifndef __has_include
#error __has_include is not there
#endif
#if !defined(__has_include) || !__has_include(<metal_atomic>)
#error metal_atomic is not there
#endif
#if __has_include("no_such_header.h") || __has_include(<no/such.h>)
#error there is no such header
#elif __has_include(<simd/simd.h>) && __METAL_VERSION__ >= 200
constant int found = 1;
#endif
kernel void f(device int *y [[buffer(0)]]) { y[0] = found; }
