// rule: comments end
// expect: 5:1 unterminated /* comment
#include <metal_stdlib>
using namespace metal;
/* no end
