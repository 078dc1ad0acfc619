// rule: library names need <metal_stdlib>
// expect: 3:22 unknown type name 'float4'
kernel void f(device float4 *y [[buffer(0)]]) {
}
