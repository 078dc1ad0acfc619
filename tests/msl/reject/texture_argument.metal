// rule: textures are not supported
// expect: 5:15 unknown type name 'texture2d'
#include <metal_stdlib>
using namespace metal;
kernel void f(texture2d<float> t [[texture(0)]]) {
}
