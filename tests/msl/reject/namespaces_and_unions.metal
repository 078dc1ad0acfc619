// rule: user namespaces and unions are refused
// expect: 6:1 namespaces are not supported
// expect: 7:1 unions are not supported
#include <metal_stdlib>
using namespace metal;
namespace a { }
union U { int a; float b; };
