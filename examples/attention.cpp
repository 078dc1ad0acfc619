// SPDX-License-Identifier: MIT
// attention.cpp - flash attention through the C++ header, beside a plain
// computation in double precision.
//
//   attention [examples/kernels/attention.py]
//
// Shows: a kernel from a .py file, typed arrays, named compile-time values,
// asynchronous launches on one stream, errors as exceptions.
#include <tritonmetal.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

namespace metal = tritonmetal;

static std::string read_file(const char *path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct sizes {
  int heads, length, head;
};

/* The largest difference between out and attention in double precision. */
static double largest_error(const metal::array<float> &q,
                            const metal::array<float> &k,
                            const metal::array<float> &v,
                            const metal::array<float> &out, sizes s,
                            bool causal) {
  double worst = 0;
  std::vector<double> weight((std::size_t)s.length);
  for (int h = 0; h < s.heads; h++) {
    const std::size_t base = (std::size_t)h * s.length * s.head;
    for (int row = 0; row < s.length; row++) {
      const int end = causal ? row + 1 : s.length;
      double most = -INFINITY, total = 0;
      for (int at = 0; at < end; at++) {
        double dot = 0;
        for (int i = 0; i < s.head; i++)
          dot += (double)q[base + (std::size_t)(row * s.head + i)] *
                 (double)k[base + (std::size_t)(at * s.head + i)];
        weight[(std::size_t)at] = dot / std::sqrt((double)s.head);
        most = std::max(most, weight[(std::size_t)at]);
      }
      for (int at = 0; at < end; at++)
        total += weight[(std::size_t)at] =
            std::exp(weight[(std::size_t)at] - most);
      for (int i = 0; i < s.head; i++) {
        double sum = 0;
        for (int at = 0; at < end; at++)
          sum += weight[(std::size_t)at] *
                 (double)v[base + (std::size_t)(at * s.head + i)];
        double found = out[base + (std::size_t)(row * s.head + i)];
        worst = std::max(worst, std::fabs(found - sum / total));
      }
    }
  }
  return worst;
}

int main(int argc, char **argv) try {
  const char *path = argc > 1 ? argv[1] : "examples/kernels/attention.py";
  const sizes s = {4, 200, 64};
  const std::size_t count = (std::size_t)s.heads * s.length * s.head;

  metal::context gpu;
  metal::module ops(path, read_file(path));
  metal::function attention(gpu, ops, "attention_kernel");
  metal::stream stream(gpu);
  metal::array<float> q(gpu, count), k(gpu, count), v(gpu, count),
      plain(gpu, count), causal(gpu, count);
  unsigned state = 1;
  for (metal::array<float> *a : {&q, &k, &v})
    for (float &x : *a) {
      state = state * 1664525u + 1013904223u; // Numerical Recipes
      x = (float)(state >> 8) / 8388608.0f - 1.0f;
    }

  const tm_grid grid = tm_grid_3d((uint32_t)(s.length + 31) / 32, s.heads, 1);
  const float scale = 1.0f / std::sqrt((float)s.head);
  for (bool is_causal : {false, true})
    attention.launch(stream, grid, q, k, v, is_causal ? causal : plain,
                     s.length * s.head, s.head, s.length, scale,
                     metal::keyword("CAUSAL", is_causal),
                     metal::keyword("HEAD", s.head),
                     metal::keyword("BLOCK_M", 32),
                     metal::keyword("BLOCK_N", 32));
  stream.synchronize();

  const double bound = 2e-5;
  const bool right = largest_error(q, k, v, plain, s, false) < bound &&
                     largest_error(q, k, v, causal, s, true) < bound;
  std::printf("attention over %d heads of %d x %d: %s\n", s.heads, s.length,
              s.head, right ? "right" : "WRONG");
  return right ? 0 : 1;
} catch (const std::exception &failure) {
  std::fprintf(stderr, "attention: %s\n", failure.what());
  return 1;
}
