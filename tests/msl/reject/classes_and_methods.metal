// rule: classes, methods, derivation and overloaded operators are refused
// expect: 8:1 classes are not supported
// expect: 9:23 methods are not supported: 'get'
// expect: 10:10 derived structs are not supported
// expect: 11:10 operator overloading is not supported
#include <metal_stdlib>
using namespace metal;
class A { int a; };
struct B { int b; int get() { return b; } };
struct C : B { };
static B operator+(B a, B b) { return a; }
