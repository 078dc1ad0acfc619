// rule: a misspelt attribute is an error
// expect: 5:24 unknown attribute 'thread_position_in_gird'
#include <metal_stdlib>
using namespace metal;
kernel void f(uint i [[thread_position_in_gird]]) {
}
