// SPDX-License-Identifier: MIT
// The C++ layer: launches with all kinds of arguments, errors as exceptions
// and as results. Built as C++11, 17 and 20, and without exceptions.
#include <tritonmetal.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace metal = tritonmetal;

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (0)

static const char source[] =
    "import triton\nimport triton.language as tl\n"
    "@triton.jit\n"
    "def scale(x, out, n, factor, flip, B: tl.constexpr, SHIFT: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    y = tl.load(x + i, i < n) * factor + SHIFT\n"
    "    if flip:\n"
    "        y = -y\n"
    "    tl.store(out + i, y, i < n)\n";

/* Every allocation counts: a launch must make none on this side. */
static unsigned long allocations;
void *operator new(std::size_t size) {
  allocations++;
  void *memory = std::malloc(size ? size : 1);
  if (!memory) std::abort();
  return memory;
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

/* Without exceptions: also what code that has them may use. */
static void results() {
  auto gpu = metal::context::try_create();
  CHECK(gpu);
  auto ops = metal::module::try_parse("scale.py", source);
  CHECK(ops);
  auto broken = metal::module::try_parse("broken.py", "def f(:\n");
  CHECK(!broken && broken.status() == TM_E_SYNTAX);
  CHECK(std::strstr(broken.text(), "broken.py:1"));
  CHECK(tm_error_diagnostic_count(broken.how().details()) > 0);
  CHECK(!broken->get());

  auto scale = metal::function::try_create(*gpu, *ops, "scale");
  auto stream = metal::stream::try_create(*gpu);
  CHECK(scale && stream);
  auto missing = metal::function::try_create(*gpu, *ops, "nothing");
  CHECK(missing.status() == TM_E_NOT_FOUND);

  auto x = metal::array<float>::try_create(*gpu, 100);
  auto out = metal::array<float>::try_create(*gpu, 100, true);
  CHECK(x && out && x->size() == 100 && (*out)[99] == 0.0f);
  float value = 0;
  for (float &e : *x) e = value++;
  CHECK(scale->try_launch(*stream, tm_grid_1d(1), *x, *out, 100, 0.5f, true,
                          metal::keyword("B", 128), metal::keyword("SHIFT", 1)));
  CHECK(stream->try_synchronize());
  for (int i = 0; i < 100; i++)
    CHECK((*out)[(std::size_t)i] == -(0.5f * (float)i + 1));
  auto refused = scale->try_launch(*stream, tm_grid_1d(0), *x, *out, 100, 0.5f,
                                   true, metal::keyword("B", 128),
                                   metal::keyword("SHIFT", 1));
  CHECK(!refused && refused.status() == TM_E_ARGUMENT);

  unsigned long before = allocations;
  for (unsigned i = 0; i < 10; i++)
    CHECK(scale->try_launch(*stream, tm_grid_1d(1), *x, *out, 100u, 0.5, true,
                            metal::keyword("B", 128), metal::keyword("SHIFT", 1)));
  CHECK(allocations == before);
  CHECK(stream->try_synchronize());

  auto kernel = metal::kernel::try_compile(
      *gpu, *ops, "scale", "*fp32:16, *fp32:16, i32, fp32, i1, 128, 0");
  CHECK(kernel && kernel->info().n_args == 5);
  CHECK(std::strstr(kernel->text(TM_STAGE_MSL), "kernel void"));
  auto doubled = metal::graph::try_record(*stream, [&] {
    CHECK(kernel->try_launch(*stream, tm_grid_1d(1), *x, *out, 100, 2.0,
                             false));
    CHECK(kernel->try_launch(*stream, tm_grid_1d(1), *out, *out, 100, 2.0,
                             false));
  });
  CHECK(doubled);
  CHECK(doubled->try_launch(*stream) && stream->try_synchronize());
  CHECK((*out)[3] == 12.0f);

  float mine[4] = {1, 2, 3, 4};
  auto wrapped = metal::array<float>::try_wrap(*gpu, mine, 4);
  CHECK(wrapped && wrapped->size() == 4);
  auto bytes = metal::buffer::try_create(*gpu, 16);
  CHECK(bytes && bytes->size() == 16);
  CHECK(kernel->try_launch(*stream, tm_grid_1d(1), metal::from(*x, 4),
                           metal::elements<float>(*bytes), 4, 1, false));
  CHECK(stream->try_synchronize() && bytes->data<float>()[3] == 7.0f);
#ifdef TRITONMETAL_SPAN
  CHECK(x->span().size() == 100 && bytes->span<float>()[0] == 4.0f);
#endif
  metal::context moved(std::move(*gpu));
  CHECK(moved.get() && !gpu->get());
}

#ifdef TRITONMETAL_EXCEPTIONS
static void exceptions() {
  metal::context gpu;
  metal::module ops("scale.py", source);
  metal::function scale(gpu, ops, "scale");
  metal::stream stream(gpu);
  metal::array<float> x(gpu, 100), out(gpu, 100);
  for (int i = 0; i < 100; i++) x[(std::size_t)i] = (float)i;
  scale.launch(stream, tm_grid_1d(1), x, out, 100, 2.0, false,
               metal::keyword("SHIFT", 0), metal::keyword("B", 128));
  stream.synchronize();
  for (int i = 0; i < 100; i++) CHECK(out[(std::size_t)i] == (float)(2 * i));
  try {
    metal::module broken("broken.py", "def f(:\n");
    CHECK(!"reached");
  } catch (const metal::error &failure) {
    CHECK(failure.status() == TM_E_SYNTAX);
    CHECK(std::strstr(failure.what(), "broken.py:"));
  }
  struct stop {};
  try {
    metal::graph::record(stream, [&] {
      scale.launch(stream, tm_grid_1d(1), x, out, 100, 2.0, false,
                   metal::keyword("SHIFT", 0), metal::keyword("B", 128));
      throw stop();
    });
    CHECK(!"reached");
  } catch (const stop &) {
  }
  /* The recording has ended: this one runs. */
  scale.launch(stream, tm_grid_1d(1), x, out, 100, 3.0, false,
               metal::keyword("SHIFT", 0), metal::keyword("B", 128));
  stream.synchronize();
  CHECK(out[5] == 15.0f);
}
#endif

int main() {
  results();
#ifdef TRITONMETAL_EXCEPTIONS
  exceptions();
#endif
  return 0;
}
