// rule: sizes and alignments of spec table 2.2 to 2.6
#include <metal_stdlib>
using namespace metal;
struct S { char a; float3 b; half c; };
struct P { char a; packed_float3 b; half c; };
static_assert(sizeof(bool) == 1 && sizeof(bool2) == 2 && sizeof(bool3) == 4, "");
static_assert(sizeof(char3) == 4 && sizeof(short3) == 8 && sizeof(int3) == 16, "");
static_assert(sizeof(long2) == 16 && sizeof(long3) == 32, "");
static_assert(sizeof(half2) == 4 && sizeof(half3) == 8 && sizeof(float2) == 8, "");
static_assert(sizeof(float3) == 16 && alignof(float3) == 16, "");
static_assert(sizeof(packed_float3) == 12 && alignof(packed_float3) == 4, "");
static_assert(sizeof(packed_half3) == 6 && alignof(packed_half3) == 2, "");
static_assert(sizeof(float4x4) == 64 && sizeof(float3x3) == 48, "");
static_assert(sizeof(half4x4) == 32 && alignof(half4x4) == 8, "");
static_assert(sizeof(float2x3) == 32 && sizeof(float3x2) == 24, "");
static_assert(sizeof(S) == 48 && alignof(S) == 16, "");
static_assert(sizeof(P) == 20 && alignof(P) == 4, "");
static_assert(sizeof(float[3][4]) == 48, "");
static_assert(sizeof(device float *) == 8 && sizeof(atomic_int) == 4, "");
