// rule: os_log needs MSL 3.2 and its header
// expect: 8:10 unknown type name 'os_log'
// expect: 8:24 expected a type
// version: 3.1
#include <metal_stdlib>
#include <metal_logging>
using namespace metal;
constant os_log logger("a", "b");
