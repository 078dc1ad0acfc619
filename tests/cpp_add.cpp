// SPDX-License-Identifier: MIT
// The C++ layer: a launch, and an error as an exception.
#include <tritonmetal.hpp>

#include <cstring>

int main() {
  const char *source =
      "import triton\nimport triton.language as tl\n@triton.jit\n"
      "def twice(x, n, B: tl.constexpr):\n"
      "    i = tl.arange(0, B)\n"
      "    tl.store(x + i, 2 * tl.load(x + i, i < n), i < n)\n";
  tritonmetal::context gpu;
  tritonmetal::module ops("twice.py", source);
  tritonmetal::function twice(gpu, ops, "twice");
  tritonmetal::stream stream(gpu);
  tritonmetal::buffer x(gpu, 100 * sizeof(float));
  for (int i = 0; i < 100; i++) x.data<float>()[i] = float(i);
  twice.launch(stream, tm_grid_1d(1),
               {tm_arg_tensor(x.get(), 0, TM_DTYPE_F32), tm_arg_int(100),
                tm_arg_int(128)});
  stream.synchronize();
  for (int i = 0; i < 100; i++)
    if (x.data<float>()[i] != float(2 * i)) return 1;
  try {
    tritonmetal::module broken("broken.py", "def f(:\n");
    return 2;
  } catch (const tritonmetal::error &failure) {
    if (failure.status() != TM_E_SYNTAX) return 3;
    if (!std::strstr(failure.what(), "broken.py:")) return 4;
  }
  return 0;
}
