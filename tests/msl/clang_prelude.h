/* SPDX-License-Identifier: MIT */
/*
 * clang_prelude.h - Metal's names for clang in "C++ for OpenCL 2021" mode; see
 * tests/check_msl_clang.sh. Only what plain kernels use: samples of the rest
 * stand in clang_differs.txt.
 */
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#pragma OPENCL EXTENSION __cl_clang_variadic_functions : enable
typedef char int8_t;
typedef uchar uint8_t;
typedef short int16_t;
typedef ushort uint16_t;
typedef int int32_t;
typedef uint uint32_t;
typedef long int64_t;
typedef ulong uint64_t;
namespace metal {
template <typename T, int N> struct array { T elements[N]; };
bool simd_is_first();
template <typename T> T simd_prefix_inclusive_sum(T);
template <typename T> T simd_prefix_exclusive_sum(T);
template <typename T> T quad_sum(T);
template <typename T> T quad_broadcast(T, ushort);
template <typename T> T quad_shuffle_xor(T, ushort);
template <typename T> T simd_sum(T);
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4 };
void threadgroup_barrier(mem_flags);
void simdgroup_barrier(mem_flags);
template <typename T> T simd_max(T);
template <typename T> T simd_min(T);
template <typename T> T simd_product(T);
template <typename T> T simd_shuffle(T, ushort);
template <typename T> T simd_shuffle_xor(T, ushort);
template <typename T> T simd_shuffle_down(T, ushort);
template <typename T> T simd_shuffle_up(T, ushort);
template <typename T> T simd_broadcast(T, ushort);
template <typename T> T saturate(T);
template <typename T> T powr(T, T);
template <typename T> T fract(T);
namespace fast { using ::exp; using ::exp2; using ::clamp; using ::sin; using ::cos; using ::log; using ::tanh; using ::sqrt; }
namespace precise { using ::exp; using ::sin; using ::cos; using ::log; using ::tanh; using ::sqrt; }
template <typename T, typename U> T as_type_(U);
}
template <typename T, int N> struct vec_of;
#define VEC(T) \
  template <> struct vec_of<T, 2> { using type = T##2; }; \
  template <> struct vec_of<T, 3> { using type = T##3; }; \
  template <> struct vec_of<T, 4> { using type = T##4; };
VEC(float) VEC(half) VEC(int) VEC(uint) VEC(short) VEC(ushort) VEC(char) VEC(uchar) VEC(long) VEC(ulong)
template <typename T, int N> using vec = typename vec_of<T, N>::type;
template <typename T, typename U> T as_type(U);
#define kernel __kernel
#define device __global
#define constant __constant
#define threadgroup __local
#define thread __private
#define INFINITY __builtin_inff()
#define METAL_FUNC inline
