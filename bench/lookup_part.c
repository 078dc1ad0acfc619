/* SPDX-License-Identifier: MIT */
/*
 * lookup_part.c - a program of its own: what it takes to find the variant of
 * a launch that is in memory. Arguments are bound, the key is made of them and
 * looked up; no handle is checked and no reference taken, as the public
 * functions do besides: so this program is linked with the library's own
 * objects. Prints the nanoseconds, median of ROUNDS.
 */
#define _GNU_SOURCE
#include "bench.h"

#include "../runtime/function/function.h"

#include <stdio.h>

enum { LOOKS = 2000, ROUNDS = 301, SMALL = 1024 };

int main(int argc, char **argv) {
  (void)argc;
  bench_program = argv[0];
  bench_gpu gpu = bench_gpu_open();
  tm_module *module = bench_module("vector_add.py");
  tm_function *add;
  tm_error *error = NULL;
  bench_check(tm_function_create(&add, gpu.context, module, "add_kernel",
                                 NULL, &error),
              error);
  tm_arg args[5];
  for (int i = 0; i < 3; i++)
    args[i] = tm_arg_tensor(bench_floats(&gpu, SMALL), 0, TM_DTYPE_F32);
  args[3] = args[4] = tm_arg_int(SMALL);
  double times[ROUNDS];
  for (int r = -1; r < ROUNDS; r++) { /* the first compiles */
    double start = bench_seconds();
    for (int k = 0; k < LOOKS; k++) {
      tmi_call call = {.function = add, .args = args, .n_args = 5};
      tmi_choice choice;
      tmi_variant *variant;
      bench_check(tmi_choose(&call, NULL, &choice, &error), error);
      bench_check(tmi_variant_of(add, &choice, &variant, &error), error);
      tmi_choice_free(&choice);
    }
    if (r >= 0) times[r] = (bench_seconds() - start) / LOOKS;
  }
  printf("%.2f\n", 1e9 * bench_median(times, ROUNDS));
  for (int i = 0; i < 3; i++) tm_buffer_destroy(args[i].u.buffer);
  tm_function_destroy(add);
  tm_module_destroy(module);
  bench_gpu_close(&gpu);
  return 0;
}
