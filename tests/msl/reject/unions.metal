// rule: what unions refuse
// expect: 8:46 duplicate member 'a'
// expect: 9:24 a default initialiser of a union member is not supported
// expect: 13:17 a union in the thread address space whose members have elements of different sizes
// expect: 14:19 a list that initialises a union is not supported
// expect: 15:32 a member of a union that is no variable is not supported
#include <metal_stdlib>
using namespace metal; union A { int a; uint a; };
union B { int a; float b = 1.0f; };
union C { int a; uchar b[4]; };
union U { int a; float b; };
static U make() { U u; u.a = 1; return u; }
static void f(C c);
constant U one = {1};
static int g() { return make().a; }
