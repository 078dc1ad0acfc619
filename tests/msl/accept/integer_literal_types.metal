// rule: 0xffffffff is uint, 4294967295 is long: C++ [lex.icon]
#include <metal_stdlib>
using namespace metal;
static_assert(sizeof(0x7fffffff) == 4 && sizeof(0xffffffff) == 4, "uint");
static_assert(sizeof(2147483647) == 4 && sizeof(2147483648) == 8, "long");
static_assert(0xffffffff > 0, "unsigned");
static_assert(-1 > 0u, "usual arithmetic conversions");
