// rule: #line changes what __LINE__ says
#include <metal_stdlib>
using namespace metal;
#line 100
static_assert(__LINE__ == 100, "");
#line 7 "other.metal"

static_assert(__LINE__ == 8, "");
#define HERE 40
#line HERE
static_assert(__LINE__ == 40, "");
