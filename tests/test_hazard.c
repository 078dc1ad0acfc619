/* SPDX-License-Identifier: MIT */
/* test_hazard.c - dependent launches are ordered and others are not: the sets
 * of ranges beside a map of bytes, and random launches over memory that is
 * shared in every way there is, beside plain C. Where the launches go to
 * softmetal, it runs what no barrier separates in another order. */
#define _GNU_SOURCE
#include "support/machine.h"

#include "../runtime/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t random_state;
static uint32_t random_below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((random_state >> 33) % n);
}

/* ---- sets of ranges beside a map of bytes -------------------------------- */

enum { BYTES = 600 };
typedef struct byte_map { bool read[BYTES], written[BYTES]; } byte_map;

static bool map_conflict(const byte_map *m, uint32_t from, uint32_t to,
                         bool writes) {
  for (uint32_t i = from; i < to; i++)
    if (m->written[i] || (writes && m->read[i])) return true;
  return false;
}

static void ranges_agree_with_a_map_of_bytes(void **state) {
  static tmi_hazards h;
  static byte_map m;
  uint32_t conflicts = 0, questions = 0;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    random_state = seed;
    uint32_t longest = 1 + random_below(seed % 2 ? 8 : 200);
    tmi_hazards_clear(&h);
    memset(&m, 0, sizeof m);
    for (int step = 0; step < 200; step++) {
      uint32_t from = random_below(BYTES - 200);
      uint32_t to = from + 1 + random_below(longest);
      bool writes = random_below(2);
      bool expected = map_conflict(&m, from, to, writes);
      assert_int_equal(tmi_hazards_conflict(&h, from, to, writes), expected);
      questions++;
      conflicts += expected;
      if (random_below(3)) continue;
      assert_true(tmi_hazards_note(&h, from, to, writes));
      memset((writes ? m.written : m.read) + from, 1, to - from);
      if (random_below(40)) continue;
      tmi_hazards_clear(&h);
      memset(&m, 0, sizeof m);
    }
  }
  /* Both answers are common, so that the comparison says something. */
  assert_in_range(conflicts, questions / 5, questions * 4 / 5);
}

static void a_full_set_says_so_and_joins_what_touches(void **state) {
  static tmi_hazards h;
  tmi_hazards_clear(&h);
  for (uint64_t i = 0; i < TMI_HAZARD_RANGES; i++)
    assert_true(tmi_hazards_note(&h, 10 * i, 10 * i + 5, true));
  assert_false(tmi_hazards_note(&h, 10 * TMI_HAZARD_RANGES, 1u << 20, true));
  assert_true(tmi_hazards_note(&h, 3, 12, true)); /* joins two */
  assert_true(tmi_hazards_note(&h, 10 * TMI_HAZARD_RANGES, 1u << 20, true));
  assert_true(tmi_hazards_note(&h, 0, 1u << 20, true)); /* all in one */
  assert_int_equal(h.written.n, 1);
}

/* ---- launches ------------------------------------------------------------ */

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def mix(x, y, out, a, b, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(out + i, tl.load(x + i) * a + tl.load(y + i) + b)\n"
    "\n\n"
    "@triton.jit\n"
    "def through(where, a, BLOCK: tl.constexpr):\n"
    "    p = tl.load(where).to(tl.pointer_type(tl.int32))\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(p + i, tl.load(p + i) * a + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def ticket(counter, out):\n"
    "    tl.store(out, tl.atomic_add(counter, 1))\n";

static machine machine_of(uint32_t batch, tm_switch concurrent) {
  tm_stream_options s = TM_STREAM_OPTIONS_INIT;
  s.batch = batch;
  s.batch_bytes = UINT64_MAX;
  s.batch_us = UINT32_MAX;
  s.concurrent = concurrent;
  return machine_open(source, &s);
}

static uint64_t barriers_of(const machine *m) {
  return machine_facts(m->stream).barriers;
}

/* Regions 0 to 2: a buffer each; 3: one MTLBuffer with two parts and
 * the whole; 4: pages that are wrapped twice. */
enum { BLOCK = 64, REGIONS = 5, VIEWS = 8, WORDS = 4096 };
typedef struct view {
  tm_buffer *buffer;
  int region;
  uint32_t from, words; /* in the region */
} view;

typedef struct memory {
  view views[VIEWS];
  int32_t *host[REGIONS];        /* what the GPU has */
  int32_t model[REGIONS][WORDS]; /* what it should have */
  void *pages;
} memory;

static void add_view(memory *all, int *n, tm_buffer *b, int region,
                     uint32_t from) {
  view *v = &all->views[(*n)++];
  *v = (view){b, region, from, (uint32_t)(tm_buffer_size(b) / 4)};
  if (!all->host[region])
    all->host[region] = (int32_t *)tm_buffer_contents(b) - from;
}

static void make_memory(const machine *m, memory *all) {
  memset(all, 0, sizeof *all);
  int n = 0;
  for (int i = 0; i < 3; i++)
    add_view(all, &n, machine_buffer(m, BLOCK * 4), i, 0);
  tm_buffer *whole = machine_buffer(m, 3 * BLOCK * 4), *part;
  uint64_t offset;
  void *object = tm_buffer_metal(whole, &offset);
  add_view(all, &n, whole, 3, 0);
  for (uint32_t i = 1; i < 3; i++) {
    OK(tm_buffer_import(&part, m->context, object, offset + i * BLOCK * 4,
                        BLOCK * 4, &machine_error));
    add_view(all, &n, part, 3, i * BLOCK);
  }
  all->pages = mmap(NULL, WORDS * 4, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(all->pages != MAP_FAILED);
  for (int i = 0; i < 2; i++) {
    tm_buffer *b;
    OK(tm_buffer_wrap(&b, m->context, all->pages, WORDS * 4, &machine_error));
    add_view(all, &n, b, 4, 0);
  }
  assert_int_equal(n, VIEWS);
}

static void free_memory(memory *all) {
  for (int i = 0; i < VIEWS; i++) tm_buffer_destroy(all->views[i].buffer);
  munmap(all->pages, WORDS * 4);
}

/* Which words the launches since the last barrier touched. */
typedef struct word_map { bool read[REGIONS][WORDS], written[REGIONS][WORDS]; }
    word_map;

static bool view_conflicts(const word_map *w, const view *v, bool writes) {
  for (uint32_t i = 0; i < v->words; i++)
    if (w->written[v->region][v->from + i] ||
        (writes && w->read[v->region][v->from + i]))
      return true;
  return false;
}

static void touch(bool (*map)[WORDS], const view *v) {
  memset(&map[v->region][v->from], 1, v->words);
}

/* One launch in the model; 1 when it needs a barrier. */
static int model_launch(memory *all, word_map *w, const view *v[3],
                        const uint32_t at[3], int32_t a, int32_t b) {
  int needs = view_conflicts(w, v[0], false) ||
              view_conflicts(w, v[1], false) || view_conflicts(w, v[2], true);
  if (needs) memset(w, 0, sizeof *w);
  touch(w->read, v[0]);
  touch(w->read, v[1]);
  touch(w->written, v[2]);
  int32_t *p[3], out[BLOCK];
  for (int k = 0; k < 3; k++)
    p[k] = &all->model[v[k]->region][v[k]->from + at[k]];
  for (int i = 0; i < BLOCK; i++)
    out[i] = (int32_t)((uint32_t)p[0][i] * (uint32_t)a + (uint32_t)p[1][i] +
                       (uint32_t)b);
  memcpy(p[2], out, sizeof out);
  return needs;
}

/* Three views, and where in each; what is read is written only in place. */
static void choose(const memory *all, const view *v[3], uint32_t at[3]) {
  for (;;) {
    uint32_t place[3];
    for (int k = 0; k < 3; k++) {
      v[k] = &all->views[random_below(VIEWS)];
      at[k] = v[k]->words > BLOCK ? random_below(3) * BLOCK : 0;
      place[k] = v[k]->from + at[k];
    }
    bool fine = true;
    for (int k = 0; k < 2; k++)
      if (v[k]->region == v[2]->region && place[k] != place[2] &&
          place[k] < place[2] + BLOCK && place[2] < place[k] + BLOCK)
        fine = false;
    if (fine) return;
  }
}

/* Launches at random; the stream's barriers must be those of the model. */
static void launch_at_random(machine *m, tm_kernel *mix, uint64_t seed,
                             int batch, uint64_t *needed) {
  static memory all;
  static word_map words;
  make_memory(m, &all);
  memset(&words, 0, sizeof words);
  random_state = seed;
  for (int i = 0; i < 200; i++) {
    const view *v[3];
    uint32_t at[3];
    choose(&all, v, at);
    int32_t a = (int32_t)random_below(5) - 2, b = (int32_t)random_below(100);
    if (i % batch == 0) memset(&words, 0, sizeof words); /* a new encoder */
    *needed += (uint64_t)model_launch(&all, &words, v, at, a, b);
    tm_arg args[5];
    for (int k = 0; k < 3; k++)
      args[k] = tm_arg_buffer(v[k]->buffer, at[k] * 4);
    args[3] = tm_arg_int(a);
    args[4] = tm_arg_int(b);
    OK(tm_launch(m->stream, mix, tm_grid_1d(1), args, 5, &machine_error));
  }
  machine_wait(m->stream);
  for (int r = 0; r < REGIONS; r++) {
    uint32_t n = r == 4 ? WORDS : r == 3 ? 3 * BLOCK : BLOCK;
    assert_memory_equal(all.host[r], all.model[r], n * 4);
  }
  free_memory(&all);
}

static void random_launches(int seeds, int batch) {
  machine m = machine_of((uint32_t)batch, TM_SWITCH_DEFAULT);
  tm_kernel *mix = machine_compile(&m, "mix", "*i32, *i32, *i32, i32, i32, 64");
  uint64_t needed = 0;
  for (int seed = 1; seed <= seeds; seed++) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("SOFTMETAL_SHUFFLE", text, 1);
    launch_at_random(&m, mix, (uint64_t)seed, batch, &needed);
    assert_int_equal(barriers_of(&m), needed);
  }
  unsetenv("SOFTMETAL_SHUFFLE");
  /* Both kinds are there. */
  assert_in_range(needed, (uint64_t)seeds * 20, (uint64_t)seeds * 180);
  tm_kernel_destroy(mix);
  machine_close(&m);
}

static void random_launches_get_the_barriers_they_need(void **state) {
  random_launches(20, 40);
  random_launches(10, 7);
}

/* softmetal compares every access of launches that no barrier separates. */
static void random_launches_have_no_races(void **state) {
  setenv("SOFTMETAL_CHECK", "1", 1);
  random_launches(6, 40);
  unsetenv("SOFTMETAL_CHECK");
}

static void independent_launches_need_no_barrier(void **state) {
  enum { N = 200 };
  machine m = machine_of(N, TM_SWITCH_DEFAULT);
  tm_kernel *mix = machine_compile(&m, "mix", "*i32, *i32, *i32, i32, i32, 64");
  tm_buffer *x = machine_buffer(&m, BLOCK * 4), *out[N];
  for (int i = 0; i < N; i++) {
    out[i] = machine_buffer(&m, BLOCK * 4);
    tm_arg args[5] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                      tm_arg_buffer(out[i], 0), tm_arg_int(1), tm_arg_int(i)};
    OK(tm_launch(m.stream, mix, tm_grid_1d(1), args, 5, &machine_error));
  }
  machine_wait(m.stream);
  assert_int_equal(barriers_of(&m), 0);
  for (int i = 0; i < N; i++) {
    assert_int_equal(((int32_t *)tm_buffer_contents(out[i]))[BLOCK - 1], i);
    tm_buffer_destroy(out[i]);
  }
  tm_buffer_destroy(x);
  tm_kernel_destroy(mix);
  machine_close(&m);
}

/* More buffers than a set has room for: still right, with a barrier or two. */
static void many_buffers_cost_a_barrier_now_and_then(void **state) {
  enum { N = 3 * TMI_HAZARD_RANGES };
  machine m = machine_of(N, TM_SWITCH_DEFAULT);
  tm_kernel *mix = machine_compile(&m, "mix", "*i32, *i32, *i32, i32, i32, 64");
  static tm_buffer *out[N];
  tm_buffer *x = machine_buffer(&m, BLOCK * 4);
  for (int i = 0; i < N; i++) out[i] = machine_buffer(&m, 256 * 3);
  for (int i = 0; i < N; i++) {
    tm_arg args[5] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                      tm_arg_buffer(out[i], 0), tm_arg_int(1), tm_arg_int(i)};
    OK(tm_launch(m.stream, mix, tm_grid_1d(1), args, 5, &machine_error));
  }
  machine_wait(m.stream);
  assert_true(barriers_of(&m) <= 3);
  for (int i = 0; i < N; i++) {
    assert_int_equal(*(int32_t *)tm_buffer_contents(out[i]), i);
    tm_buffer_destroy(out[i]);
  }
  tm_buffer_destroy(x);
  tm_kernel_destroy(mix);
  machine_close(&m);
}

static void launches_through_addresses_are_in_order(void **state) {
  machine m = machine_of(40, TM_SWITCH_DEFAULT);
  tm_kernel *mix = machine_compile(&m, "mix", "*i32, *i32, *i32, i32, i32, 64");
  tm_kernel *through = machine_compile(&m, "through", "*i64, i32, 64");
  tm_buffer *x = machine_buffer(&m, BLOCK * 4), *where = machine_buffer(&m, 8);
  uint64_t address;
  OK(tm_buffer_gpu_address(x, &address, &machine_error));
  *(uint64_t *)tm_buffer_contents(where) = address;
  tm_arg a[5] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                 tm_arg_buffer(x, 0), tm_arg_int(2), tm_arg_int(5)};
  tm_arg b[2] = {tm_arg_buffer(where, 0), tm_arg_int(7)};
  int32_t expected = 0;
  for (int seed = 1; seed <= 10; seed++) {
    char text[16];
    snprintf(text, sizeof text, "%d", seed);
    setenv("SOFTMETAL_SHUFFLE", text, 1);
    for (int i = 0; i < 2; i++) { /* 14 * (3 x + 5) + 8, with wrap-around */
      OK(tm_launch(m.stream, mix, tm_grid_1d(1), a, 5, &machine_error));
      OK(tm_launch(m.stream, through, tm_grid_1d(1), b, 2, &machine_error));
      expected = (int32_t)(((uint32_t)expected * 3 + 5) * 7 + 1);
    }
    machine_wait(m.stream);
    assert_int_equal(((int32_t *)tm_buffer_contents(x))[BLOCK - 1], expected);
  }
  unsetenv("SOFTMETAL_SHUFFLE");
  assert_int_equal(barriers_of(&m), 30); /* 3 in each round of 4 */
  tm_buffer_destroy(x);
  tm_buffer_destroy(where);
  tm_kernel_destroy(mix);
  tm_kernel_destroy(through);
  machine_close(&m);
}

#if !defined(__APPLE__)
/* The numbers that launches of one counter draw: each needs the one before, so
 * they come in order. Of counters of their own all draw 0. */
static void softmetal_shuffles_what_no_barrier_separates(void **state) {
  enum { N = 16 };
  machine m = machine_of(40, TM_SWITCH_DEFAULT);
  tm_kernel *ticket = machine_compile(&m, "ticket", "*i32, *i32");
  tm_buffer *counter = machine_buffer(&m, 4), *out[N];
  setenv("SOFTMETAL_SHUFFLE", "3", 1);
  for (int i = 0; i < N; i++) {
    out[i] = machine_buffer(&m, 4);
    tm_arg args[2] = {tm_arg_buffer(counter, 0), tm_arg_buffer(out[i], 0)};
    OK(tm_launch(m.stream, ticket, tm_grid_1d(1), args, 2, &machine_error));
  }
  machine_wait(m.stream);
  for (int i = 0; i < N; i++)
    assert_int_equal(*(int32_t *)tm_buffer_contents(out[i]), i);
  assert_int_equal(barriers_of(&m), N - 1);
  /* Told that the kernel only reads, the stream sends no barriers, and the
   * order is lost: barriers are what made it. */
  for (uint32_t i = 0; i < 2; i++) ticket->slots[i].writes = false;
  for (int i = 0; i < N; i++) {
    tm_arg args[2] = {tm_arg_buffer(counter, 0), tm_arg_buffer(out[i], 0)};
    OK(tm_launch(m.stream, ticket, tm_grid_1d(1), args, 2, &machine_error));
  }
  machine_wait(m.stream);
  unsetenv("SOFTMETAL_SHUFFLE");
  assert_int_equal(barriers_of(&m), N - 1);
  int out_of_order = 0;
  for (int i = 0; i < N; i++) {
    out_of_order += *(int32_t *)tm_buffer_contents(out[i]) != N + i;
    tm_buffer_destroy(out[i]);
  }
  assert_true(out_of_order > 0);
  tm_buffer_destroy(counter);
  tm_kernel_destroy(ticket);
  machine_close(&m);
}
#endif

static void a_serial_stream_sends_no_barriers(void **state) {
  machine m = machine_of(40, TM_SWITCH_OFF);
  tm_kernel *mix = machine_compile(&m, "mix", "*i32, *i32, *i32, i32, i32, 64");
  tm_buffer *x = machine_buffer(&m, BLOCK * 4);
  tm_arg args[5] = {tm_arg_buffer(x, 0), tm_arg_buffer(x, 0),
                    tm_arg_buffer(x, 0), tm_arg_int(1), tm_arg_int(1)};
  setenv("SOFTMETAL_SHUFFLE", "5", 1);
  for (int i = 0; i < 8; i++)
    OK(tm_launch(m.stream, mix, tm_grid_1d(1), args, 5, &machine_error));
  machine_wait(m.stream);
  unsetenv("SOFTMETAL_SHUFFLE");
  assert_int_equal(barriers_of(&m), 0);
  assert_int_equal(*(int32_t *)tm_buffer_contents(x), 255); /* 2^8 - 1 */
  tm_buffer_destroy(x);
  tm_kernel_destroy(mix);
  machine_close(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_agree_with_a_map_of_bytes),
      cmocka_unit_test(a_full_set_says_so_and_joins_what_touches),
      cmocka_unit_test(random_launches_get_the_barriers_they_need),
      cmocka_unit_test(random_launches_have_no_races),
      cmocka_unit_test(independent_launches_need_no_barrier),
      cmocka_unit_test(many_buffers_cost_a_barrier_now_and_then),
      cmocka_unit_test(launches_through_addresses_are_in_order),
#if !defined(__APPLE__)
      cmocka_unit_test(softmetal_shuffles_what_no_barrier_separates),
#endif
      cmocka_unit_test(a_serial_stream_sends_no_barriers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
