// rule: program scope variables are constant
// expect: 5:5 program scope variable must reside in constant address space
#include <metal_stdlib>
using namespace metal;
int counter = 0;
