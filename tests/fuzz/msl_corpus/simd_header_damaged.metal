// rule:: <simd/simd.h> uniforms other simd.h  vectord.h>
using 0 metal;
struct unifo4 >;
  m%trix_float3x3 normal;
  long size;
   grid;
};
(is_same<simd_float4x4, siz