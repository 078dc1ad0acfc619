// rule: numeric_limits and the constants of spec tables 6.5 to 6.7
#include <metal_stdlib>
using namespace metal;
constant float TOP = numeric_limits<float>::max();
static_assert(numeric_limits<int>::min() == INT_MIN && INT_MAX == 2147483647, "");
static_assert(numeric_limits<ushort>::max() == 65535, "");
static_assert(numeric_limits<half>::max() == MAXHALF && numeric_limits<float>::digits == 24, "");
static_assert(FLT_MAX == TOP && FLT_EPSILON == 0x1p-23f, "");
static_assert(numeric_limits<float>::infinity() == INFINITY && !(NAN == NAN), "");
static_assert(M_PI_F > 3.14159f && M_PI_F < 3.1416f && sizeof(M_PI_H) == 2, "");
