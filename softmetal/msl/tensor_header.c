/* SPDX-License-Identifier: MIT */
/*
 * tensor_header.c - <metal_tensor> and <MetalPerformancePrimitives/
 * MetalPerformancePrimitives.h>: products of matrices by tensor operations.
 *
 * The header is MSL that is read as a program's own text is, so that types,
 * accesses and their checks are those of ordinary code. What the language of
 * programs lacks is reached by names that only this text knows:
 *
 *   __construct   a static function: T(...) calls it (there are no
 *                 constructors); matmul2d_descriptor becomes a number by it,
 *                 which can then be an argument of a template
 *   __elements    an array: x[i] of the struct is its element i
 *   __thread, __simdgroups   the thread's index in its threadgroup, and how
 *                 many simdgroups that has
 *   __right_rows  the rows of a product that are right: all, unless a fault is
 *                 injected (SOFTMETAL_FAULT=tensors:1)
 *
 * As a template argument, an element type in an address space (tensor's first)
 * is the pointer to it.
 *
 * There is what a product in tiles needs: tensor_inline of rank 2 over device
 * or threadgroup memory, with strides; matmul2d of half by half or bfloat by
 * bfloat into float, K given by the descriptor; destinations that are
 * cooperative tensors. Which thread holds which element is for the
 * implementation to say; here element i of thread t is number i * threads + t
 * of the rows one after the other. A sum is rounded once for each step of K,
 * in order, whatever relaxed_precision says.
 *
 * What lies outside of an operand's extents is NaN, so that a tile that is
 * larger than its tensor shows. A threadgroup of another number of simdgroups than the operation's is
 * undefined in Metal: here the product is NaN. run() waits for all threads, so
 * that a call which not all reach is noticed, and orders no memory.
 */
#include "front.h"

const char sm_tensor_header[] =
"template <typename I, int R> struct dextents {\n"
"  static_assert(R == 2, \"tensors of rank 2 only\");\n"
"  I e0, e1;\n"
"  static dextents __construct(I a, I b) { dextents<I, R> e; e.e0 = a; e.e1 = b; return e; }\n"
"};\n"
"struct tensor_inline { int tag; };\n"
"template <int N> struct execution_simdgroups { static constexpr constant int simdgroups = N; };\n"
"template <typename P, typename E, typename D> struct tensor {\n"
"  using descriptor = D;\n"
"  P data;\n"
"  E extents;\n"
"  int step0, step1;\n"
"  static tensor __construct(P p, E e, metal::array<int, 2> steps) {\n"
"    tensor<P, E, D> t;\n"
"    t.data = p; t.extents = e; t.step0 = steps[0]; t.step1 = steps[1];\n"
"    return t;\n"
"  }\n"
"  static tensor __construct(P p, E e) { return __construct(p, e, metal::array<int, 2>{1, int(e.e0)}); }\n"
"  bool has(int x, int y) const { return x < int(extents.e0) && y < int(extents.e1); }\n"
"  float at(int x, int y) const { return has(x, y) ? float(data[x * step0 + y * step1]) : NAN; }\n"
"  void put(int x, int y, float v) { if (has(x, y)) data[x * step0 + y * step1] = v; }\n"
"};\n"
"template <typename T, int M, int N, int S> struct cooperative_tensor {\n"
"  static constexpr constant int capacity = (M * N + S * 32 - 1) / (S * 32);\n"
"  T __elements[capacity];\n"
"  unsigned short get_capacity() const { return capacity; }\n"
"  bool is_valid_element(unsigned short i) const { return unsigned(i) * (S * 32) + __thread < M * N; }\n"
"  template <typename C> void store(thread C &to) const {\n"
"    for (unsigned short i = 0; i < capacity; ++i) {\n"
"      unsigned n = unsigned(i) * (S * 32) + __thread;\n"
"      if (n < M * N) to.put(n % N, n / N, __elements[i]);\n"
"    }\n"
"  }\n"
"};\n"
"namespace mpp {\n"
"namespace tensor_ops {\n"
"struct matmul2d_descriptor {\n"
"  enum class mode { multiply, multiply_accumulate };\n"
"  static constexpr unsigned long __construct(int m, int n, int k, bool transpose_left = false,\n"
"                                     bool transpose_right = false, bool relaxed_precision = false,\n"
"                                     mode matmul_mode = mode::multiply) {\n"
"    return (unsigned long)(m) | (unsigned long)(n) << 16 | (unsigned long)(k) << 32 | (unsigned long)(transpose_left) << 48 |\n"
"           (unsigned long)(transpose_right) << 49 | (unsigned long)(relaxed_precision) << 50 |\n"
"           (unsigned long)(matmul_mode == mode::multiply_accumulate) << 51;\n"
"  }\n"
"};\n"
"template <unsigned long D, typename Scope> struct matmul2d {\n"
"  static constexpr constant int m = D & 0xffff;\n"
"  static constexpr constant int n = D >> 16 & 0xffff;\n"
"  static constexpr constant int k = D >> 32 & 0xffff;\n"
"  static_assert(m % 16 == 0 && n % 16 == 0 && k % 16 == 0 && m > 0 && n > 0 && k > 0,\n"
"                \"matmul2d takes tiles of multiples of 16\");\n"
"  int tag;\n"
"  template <typename A, typename B, typename T>\n"
"  cooperative_tensor<T, m, n, Scope::simdgroups> get_destination_cooperative_tensor() const {\n"
"    cooperative_tensor<T, m, n, Scope::simdgroups> c;\n"
"    for (unsigned short i = 0; i < c.get_capacity(); ++i) c.__elements[i] = NAN;\n"
"    return c;\n"
"  }\n"
"  template <typename A, typename B, typename T>\n"
"  void run(thread A &a, thread B &b, thread cooperative_tensor<T, m, n, Scope::simdgroups> &c) const {\n"
"    static_assert(metal::is_same<decltype(a.data[0] + a.data[0]), decltype(b.data[0] + b.data[0])>::value,\n"
"                  \"matmul2d takes operands of one element type\");\n"
"    constexpr bool left = D >> 48 & 1, right = D >> 49 & 1, add = D >> 51 & 1;\n"
"    constexpr unsigned threads = Scope::simdgroups * 32;\n"
"    metal::threadgroup_barrier(metal::mem_flags::mem_none);\n"
"    for (unsigned short i = 0; i < c.get_capacity(); ++i) {\n"
"      unsigned at = unsigned(i) * threads + __thread;\n"
"      if (at >= m * n) continue;\n"
"      int row = at / n, column = at % n;\n"
"      float sum = add ? float(c.__elements[i]) : 0.0f;\n"
"      for (int s = 0; s < k; ++s)\n"
"        sum = metal::fma(left ? a.at(row, s) : a.at(s, row), right ? b.at(s, column) : b.at(column, s), sum);\n"
"      if (row >= __right_rows) sum = 0.5f * sum;\n"
"      c.__elements[i] = __simdgroups == Scope::simdgroups ? sum : NAN;\n"
"    }\n"
"  }\n"
"};\n"
"}\n"
"}\n";
