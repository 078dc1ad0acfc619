// rule: an alignment is a power of two
// expect: 6:12 requested alignment is not a power of 2
// expect: 7:8 requested alignment is not a power of 2
#include <metal_stdlib>
using namespace metal;
struct S { alignas(3) int x; };
struct alignas(8192) T { int x; };
