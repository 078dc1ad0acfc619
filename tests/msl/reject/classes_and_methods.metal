// rule: classes, constructors, derivation and overloaded operators are refused
// expect: 10:1 classes are not supported
// expect: 11:13 constructors and destructors are not supported
// expect: 12:10 derived structs are not supported
// expect: 13:10 operator overloading is not supported
// expect: 14:21 operator overloading is not supported
// expect: 15:16 method 'later' is defined elsewhere
#include <metal_stdlib>
using namespace metal;
class A { int a; };
struct B { B(int x); };
struct C : B { };
static B operator+(B a, B b);
struct F { int a; F operator-(F b) { return b; } };
struct G { int later(); };
