/* SPDX-License-Identifier: MIT */
/*
 * test_archive.c - pipelines' native code in the cache: when it is kept, when
 * it is loaded, and that whatever is wrong with it costs a compile and no
 * more. Every load is judged by a launch, too.
 *
 * Contexts stand for processes: nothing of a pipeline outlives a kernel, and
 * SOFTMETAL_CACHE=0 takes softmetal's own store away.
 */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include "../cache/cache.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 64, MOST = 8 };

static char folder[64], path[96], lines[1 << 14];
static tm_error *error;
static tm_module *module;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, s, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i) * s)\n"
    "\n\n"
    "@triton.jit\n"
    "def shift(x, s, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i) + s)\n";

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-archive-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/kernels.db", folder);
  setenv("SOFTMETAL_CACHE", "0", 1);
  setenv("TMPDIR", folder, 1);
  *lines = 0;
  OK(tm_module_parse(&module, "ops", "ops.py", source, strlen(source), NULL,
                     &error));
  return 0;
}

static int end(void **state) {
  (void)state;
  char command[128];
  tm_module_destroy(module);
  tm_error_destroy(error);
  error = NULL;
  unsetenv("SOFTMETAL_MACOS");
  unsetenv("SOFTMETAL_FAULT");
  unsetenv("TRITON_METAL_ARCHIVES");
  unsetenv("TMPDIR");
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static void keep_line(void *payload, uint32_t level, const char *line) {
  size_t used = strlen(lines);
  snprintf(lines + used, sizeof lines - used, "%s\n", line);
}

static tm_context *open_context(tm_switch archives) {
  tm_context *c;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = folder;
  o.archives = archives;
  o.debug_level = 1;
  o.log = keep_line;
  *lines = 0;
  OK(tm_context_create(&c, &o, &error));
  return c;
}

/* Compiles, loads and launches; was the pipeline an archive's? */
static bool runs_from_archive_in(tm_context *c, const char *name,
                                 tm_switch cache) {
  tm_kernel *k;
  tm_stream *s;
  tm_buffer *x;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp32, fp32, 64";
  o.cache = cache;
  OK(tm_compile(&k, c, module, name, &o, &error));
  OK(tm_kernel_load(k, &error));
  OK(tm_stream_create(&s, c, NULL, &error));
  OK(tm_buffer_create(&x, c, N * sizeof(float), NULL, &error));
  float *values = tm_buffer_contents(x);
  for (int i = 0; i < N; i++) values[i] = (float)i;
  tm_arg args[2] = {tm_arg_buffer(x, 0), tm_arg_float(3)};
  OK(tm_launch(s, k, tm_grid_1d(1), args, 2, &error));
  OK(tm_stream_synchronize(s, TM_WAIT_FOREVER, &error));
  bool is_scale = strcmp(name, "scale") == 0;
  for (int i = 0; i < N; i++)
    assert_true(values[i] == (is_scale ? (float)i * 3 : (float)i + 3));
  tm_buffer_destroy(x);
  tm_stream_destroy(s);
  tm_kernel_destroy(k);
  return strstr(lines, "Metal loaded the archive of it") != NULL;
}

static bool runs_from_archive(const char *name) {
  tm_context *c = open_context(TM_SWITCH_ON);
  bool from_archive = runs_from_archive_in(c, name, TM_SWITCH_ON);
  tm_context_destroy(c);
  return from_archive;
}

/* ---- rows --------------------------------------------------------------- */

static int count_archive(void *payload, const tm_cache_entry *entry) {
  if (strcmp(entry->kind, "archive") == 0) ++*(int *)payload;
  return 1;
}

static int archives_in(tm_context *c) {
  int n = 0;
  OK(tm_cache_list(c, count_archive, &n, &error));
  return n;
}

static int archives_kept(void) {
  tm_context *c = open_context(TM_SWITCH_OFF);
  int n = archives_in(c);
  tm_context_destroy(c);
  return n;
}

/* Replaces the values of all archives with what change makes of them, under
 * checksums that are right. */
static void change_archives(size_t (*change)(unsigned char *bytes,
                                             size_t size)) {
  sqlite3 *db;
  sqlite3_stmt *found;
  struct { unsigned char *key, *value; size_t key_size, size; } rows[MOST];
  int n = 0;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(
      sqlite3_prepare_v2(db, "SELECT key,value FROM row WHERE kind='archive'",
                         -1, &found, NULL), SQLITE_OK);
  while (n < MOST && sqlite3_step(found) == SQLITE_ROW) {
    rows[n].key_size = (size_t)sqlite3_column_bytes(found, 0);
    rows[n].size = (size_t)sqlite3_column_bytes(found, 1);
    rows[n].key = malloc(rows[n].key_size);
    rows[n].value = malloc(rows[n].size);
    memcpy(rows[n].key, sqlite3_column_blob(found, 0), rows[n].key_size);
    memcpy(rows[n].value, sqlite3_column_blob(found, 1), rows[n].size);
    n++;
  }
  sqlite3_finalize(found);
  sqlite3_close(db);
  assert_true(n > 0);
  tm_store *store = tm_store_open(path, 0);
  for (int i = 0; i < n; i++) {
    /* NULL: each gets its neighbour's. */
    int from = change ? i : (i + 1) % n;
    size_t size = change ? change(rows[i].value, rows[i].size)
                         : rows[from].size;
    assert_true(tm_store_put(store, "archive", rows[i].key, rows[i].key_size,
                             rows[from].value, size, "changed"));
  }
  tm_store_close(store);
  for (int i = 0; i < n; i++) {
    free(rows[i].key);
    free(rows[i].value);
  }
}

static size_t flip_a_bit(unsigned char *bytes, size_t size) {
  bytes[size / 2] ^= 4;
  return size;
}
static size_t cut_in_half(unsigned char *bytes, size_t size) {
  return size / 2;
}
static size_t cut_all(unsigned char *bytes, size_t size) { return 0; }
static size_t zero_all(unsigned char *bytes, size_t size) {
  memset(bytes, 0, size);
  return size;
}

/* ---- the facts ---------------------------------------------------------- */

static void archives_are_off_unless_asked_for(void **state) {
  (void)state;
  tm_context *c = open_context(TM_SWITCH_DEFAULT);
  assert_false(runs_from_archive_in(c, "scale", TM_SWITCH_ON));
  assert_int_equal(archives_in(c), 0);
  tm_context_destroy(c);
  setenv("TRITON_METAL_ARCHIVES", "1", 1);
  c = open_context(TM_SWITCH_DEFAULT);
  assert_false(runs_from_archive_in(c, "scale", TM_SWITCH_ON));
  assert_int_equal(archives_in(c), 1);
  tm_context_destroy(c);
}

static void the_next_context_loads_what_was_kept(void **state) {
  (void)state;
  assert_false(runs_from_archive("scale"));
  assert_non_null(strstr(lines, "its archive is kept"));
  assert_true(runs_from_archive("scale"));
  assert_null(strstr(lines, "kept"));
  assert_false(runs_from_archive("shift"));
  assert_true(runs_from_archive("scale"));
  assert_true(runs_from_archive("shift"));
  assert_int_equal(archives_kept(), 2);
  /* Nothing of the files that Metal was given is left. */
  char command[160];
  snprintf(command, sizeof command, "ls %s | grep -q tritonmetal-", folder);
  assert_int_not_equal(system(command), 0);
}

static void a_kernel_without_a_cache_has_no_archive(void **state) {
  (void)state;
  tm_context *c = open_context(TM_SWITCH_ON);
  assert_false(runs_from_archive_in(c, "scale", TM_SWITCH_OFF));
  assert_int_equal(archives_in(c), 0);
  tm_context_destroy(c);
}

static void damaged_archives_are_compiled_again(void **state) {
  (void)state;
  static size_t (*const changes[])(unsigned char *, size_t) = {
      flip_a_bit, cut_in_half, cut_all, zero_all};
  assert_false(runs_from_archive("scale"));
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    change_archives(changes[i]);
    assert_false(runs_from_archive("scale"));
    assert_non_null(strstr(lines, "its archive cannot be used"));
    assert_true(runs_from_archive("scale")); /* the new one */
  }
}

static void an_archive_of_another_kernel_is_not_run(void **state) {
  (void)state;
  assert_false(runs_from_archive("scale"));
  assert_false(runs_from_archive("shift"));
  change_archives(NULL);
  assert_false(runs_from_archive("scale"));
  assert_non_null(strstr(lines, "no binary archive holds this"));
  assert_false(runs_from_archive("shift"));
  assert_true(runs_from_archive("scale"));
  assert_true(runs_from_archive("shift"));
}

static void a_bad_archive_that_cannot_be_replaced_is_dropped(void **state) {
  (void)state;
  assert_false(runs_from_archive("scale"));
  setenv("SOFTMETAL_FAULT", "archive:1+", 1);
  assert_false(runs_from_archive("scale"));
  assert_non_null(strstr(lines, "cannot be used"));
  assert_non_null(strstr(lines, "no archive of it is kept"));
  unsetenv("SOFTMETAL_FAULT");
  assert_int_equal(archives_kept(), 0);
  assert_false(runs_from_archive("scale"));
  assert_true(runs_from_archive("scale"));
}

static void another_build_of_the_system_makes_its_own(void **state) {
  (void)state;
  assert_false(runs_from_archive("scale"));
  assert_false(runs_from_archive("shift"));
  setenv("SOFTMETAL_MACOS", "14", 1);
  assert_false(runs_from_archive("scale"));
  /* Those of the old one went with the first that was kept. */
  assert_int_equal(archives_kept(), 1);
  assert_true(runs_from_archive("scale"));
  unsetenv("SOFTMETAL_MACOS");
  assert_false(runs_from_archive("scale"));
}

static void pruning_deletes_those_of_other_builds(void **state) {
  (void)state;
  uint64_t deleted;
  assert_false(runs_from_archive("scale"));
  tm_context *c = open_context(TM_SWITCH_ON);
  OK(tm_cache_prune(c, 3600, &deleted, &error)); /* no device: not known */
  assert_int_equal(deleted, 0);
  assert_true(runs_from_archive_in(c, "scale", TM_SWITCH_ON));
  OK(tm_cache_prune(c, 3600, &deleted, &error));
  assert_int_equal(deleted, 0);
  tm_context_destroy(c);
  setenv("SOFTMETAL_MACOS", "14", 1);
  c = open_context(TM_SWITCH_OFF);
  assert_false(runs_from_archive_in(c, "scale", TM_SWITCH_ON));
  assert_int_equal(archives_in(c), 1);
  OK(tm_cache_prune(c, 3600, &deleted, &error));
  assert_int_equal(deleted, 1);
  assert_int_equal(archives_in(c), 0);
  tm_context_destroy(c);
}

static void packs_carry_no_archives(void **state) {
  (void)state;
  char pack[128], other[128];
  uint64_t kernels;
  assert_false(runs_from_archive("scale"));
  snprintf(pack, sizeof pack, "%s/k.pack", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  tm_context *c = open_context(TM_SWITCH_ON);
  OK(tm_cache_export(c, pack, &kernels, &error));
  assert_int_equal(kernels, 1);
  tm_context_destroy(c);
  /* A pack that somebody put one into: it is left there. */
  tm_store *store = tm_store_open(pack, 0);
  assert_true(tm_store_put(store, "archive", "key", 3, "code", 4, ""));
  tm_store_close(store);
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = other;
  o.archives = TM_SWITCH_ON;
  OK(tm_context_create(&c, &o, &error));
  OK(tm_cache_import(c, pack, &kernels, &error));
  assert_int_equal(kernels, 1);
  assert_int_equal(archives_in(c), 0);
  tm_context_destroy(c);
}

static void without_a_folder_for_files_kernels_are_compiled(void **state) {
  (void)state;
  assert_false(runs_from_archive("scale"));
  setenv("TMPDIR", "/proc/none", 1);
  assert_false(runs_from_archive("scale"));
  assert_false(runs_from_archive("shift"));
  setenv("TMPDIR", folder, 1);
  assert_true(runs_from_archive("scale")); /* it was not taken for bad */
}

/* ---- what it saves ------------------------------------------------------ */

static double seconds_to_load(tm_switch archives) {
  tm_context *c = open_context(archives);
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  struct timespec a, b;
  o.signature = "*fp32, fp32, 64";
  tm_environment_facts facts = {.struct_size = sizeof facts};
  OK(tm_environment(c, &facts, &error)); /* the device, opened before */
  OK(tm_compile(&k, c, module, "scale", &o, &error));
  clock_gettime(CLOCK_MONOTONIC, &a);
  OK(tm_kernel_load(k, &error));
  clock_gettime(CLOCK_MONOTONIC, &b);
  tm_kernel_destroy(k);
  tm_context_destroy(c);
  return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
}

static void loading_an_archive_is_faster_than_compiling(void **state) {
  (void)state;
  double compiled = 1, archived = 1;
  double kept = seconds_to_load(TM_SWITCH_ON);
  for (int i = 0; i < 5; i++) {
    double off = seconds_to_load(TM_SWITCH_OFF);
    double on = seconds_to_load(TM_SWITCH_ON);
    if (off < compiled) compiled = off;
    if (on < archived) archived = on;
  }
  print_message("load: compiled %.2f ms, compiled and kept %.2f ms, from the "
                "archive %.2f ms\n", compiled * 1e3, kept * 1e3,
                archived * 1e3);
  assert_true(archived < compiled);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(archives_are_off_unless_asked_for),
      TEST(the_next_context_loads_what_was_kept),
      TEST(a_kernel_without_a_cache_has_no_archive),
      TEST(damaged_archives_are_compiled_again),
      TEST(an_archive_of_another_kernel_is_not_run),
      TEST(a_bad_archive_that_cannot_be_replaced_is_dropped),
      TEST(another_build_of_the_system_makes_its_own),
      TEST(pruning_deletes_those_of_other_builds),
      TEST(packs_carry_no_archives),
      TEST(without_a_folder_for_files_kernels_are_compiled),
      TEST(loading_an_archive_is_faster_than_compiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
