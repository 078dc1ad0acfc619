/* SPDX-License-Identifier: MIT */
/*
 * test_random.c - tl.randint4x and tl.rand, bit by bit.
 *
 * The expected words are those of tests/golden/random.tsv, which
 * random_table.py computes from the published generator; seeds and offsets of
 * 64 bits and both usual numbers of rounds are among them.
 */
#include "support/device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "import triton\nimport triton.language as tl\n\n\n@triton.jit\n"
    "def k(seeds, offsets, words, floats, ROUNDS: tl.constexpr,\n"
    "      B: tl.constexpr):\n"
    "    i = tl.arange(0, B)\n"
    "    s = tl.load(seeds + tl.program_id(0))\n"
    "    o = tl.load(offsets + tl.program_id(0)) + i\n"
    "    a, b, c, d = tl.randint4x(s, o, ROUNDS)\n"
    "    w = words + tl.program_id(0) * 4 + i * 4096\n"
    "    tl.store(w, a)\n    tl.store(w + 1, b)\n"
    "    tl.store(w + 2, c)\n    tl.store(w + 3, d)\n"
    "    tl.store(floats + tl.program_id(0) + i * 4096,\n"
    "             tl.rand(s, o, ROUNDS))\n";

enum { MOST = 256, LANES = 2, PITCH = 4096 };

typedef struct row {
  int64_t seed, offset;
  int rounds;
  uint32_t words[4], bits;
} row;

static int read_rows(row *rows) {
  size_t size;
  int n = 0;
  char *text = test_read_file("tests/golden/random.tsv", &size);
  for (char *p = strchr(text, '\n'); p && p[1] && n < MOST;
       p = strchr(p + 1, '\n')) {
    row *r = &rows[n++];
    assert_int_equal(sscanf(p + 1,
                            "%" SCNd64 " %" SCNd64 " %d %" SCNu32 " %" SCNu32
                            " %" SCNu32 " %" SCNu32 " %" SCNu32,
                            &r->seed, &r->offset, &r->rounds, &r->words[0],
                            &r->words[1], &r->words[2], &r->words[3],
                            &r->bits), 8);
  }
  free(text);
  return n;
}

static void philox_gives_the_published_words(void **state) {
  (void)state;
  static row rows[MOST];
  int n = read_rows(rows), tried = 0;
  assert_true(n >= 200);
  device_test t = device_open(NULL, source);
  for (int rounds = 7; rounds <= 10; rounds += 3) {
    tm_buffer *b[4] = {device_array(&t, MOST, 8), device_array(&t, MOST, 8),
                       device_array(&t, LANES * PITCH + 4 * MOST, 4),
                       device_array(&t, LANES * PITCH + MOST, 4)};
    int64_t *seeds = tm_buffer_contents(b[0]);
    int64_t *offsets = tm_buffer_contents(b[1]);
    for (int i = 0; i < n; i++) {
      seeds[i] = rows[i].seed;
      offsets[i] = rows[i].offset;
    }
    tm_error *error = NULL;
    tm_kernel *kernel = NULL;
    tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
    char signature[64];
    snprintf(signature, sizeof signature, "*i64, *i64, *u32, *fp32, %d, %d",
             rounds, LANES);
    options.signature = signature;
    if (tm_compile(&kernel, t.context, t.module, "k", &options, &error))
      fail_msg("%s", tm_error_text(error));
    tm_arg args[4];
    for (int i = 0; i < 4; i++) args[i] = tm_arg_buffer(b[i], 0);
    if (tm_launch(t.stream, kernel, tm_grid_1d((uint32_t)n), args, 4,
                  &error) ||
        tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error))
      fail_msg("%s", tm_error_text(error));
    const uint32_t *words = tm_buffer_contents(b[2]);
    const uint32_t *floats = tm_buffer_contents(b[3]);
    for (int i = 0; i < n; i++) {
      if (rows[i].rounds != rounds) continue;
      assert_memory_equal(words + 4 * i, rows[i].words, 16);
      assert_int_equal(floats[i], rows[i].bits);
      tried++;
    }
    for (int i = 0; i < 4; i++) tm_buffer_destroy(b[i]);
    tm_kernel_destroy(kernel);
  }
  assert_int_equal(tried, n);
  device_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_gives_the_published_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
