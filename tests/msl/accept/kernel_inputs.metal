// rule: all position and index attributes, ushort or uint
#include <metal_stdlib>
using namespace metal;
kernel void f(device uint *y [[buffer(0)]],
              uint3 a [[thread_position_in_grid]],
              uint3 b [[thread_position_in_threadgroup]],
              uint3 c [[threadgroup_position_in_grid]],
              uint3 d [[threads_per_threadgroup]],
              uint3 e [[threads_per_grid]],
              uint3 g [[threadgroups_per_grid]],
              ushort3 h [[dispatch_threads_per_threadgroup]],
              uint k [[thread_index_in_threadgroup]],
              ushort l [[thread_index_in_simdgroup]],
              uint m [[simdgroup_index_in_threadgroup]],
              ushort n [[simdgroups_per_threadgroup]],
              uint o [[threads_per_simdgroup]],
              ushort p [[thread_index_in_quadgroup]],
              uint q [[quadgroup_index_in_threadgroup]],
              uint r [[quadgroups_per_threadgroup]],
              ushort s [[dispatch_quadgroups_per_threadgroup]],
              uint t [[dispatch_simdgroups_per_threadgroup]],
              uint3 u [[grid_origin]], uint3 v [[grid_size]]) {
  y[a.x] = b.x + c.y + d.z + e.x + g.y + h.z + k + l + m + n + o + p + q +
           r + s + t + u.x + v.x;
}
