// rule: a specialization needs a template that fits, before its use
// expect: 9:19 no function template matches function template specialization 'g'
// expect: 10:19 no function template matches function template specialization 'twice'
// expect: 12:19 explicit specialization of 'twice' after instantiation
#include <metal_stdlib>
using namespace metal;
static float h(float x);
template <typename T> T twice(T x) { return x + x; }
template <> float g<float>(float x) { return x; }
template <> float twice<float, 3>(float x) { return x; }
static float h(float x) { return twice(x) + twice(half(x)); }
template <> float twice<float>(float x) { return x; }
