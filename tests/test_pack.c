/* SPDX-License-Identifier: MIT */
/* test_pack.c - kernels shipped from one cache to another, processes that
 * compile the same at once, and processes that die while they write. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include "../cache/cache.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static tm_error *error;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-pack-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[200];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  tm_error_destroy(error);
  error = NULL;
  return system(command) == 0 ? 0 : -1;
}

static const char *in_folder(const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* A context with a cache of its own, as on another machine. */
static tm_context *machine(const char *name) {
  tm_context *c;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  char dir[128];
  snprintf(dir, sizeof dir, "%s/%s", folder, name);
  o.cache_dir = dir;
  OK(tm_context_create(&c, &o, &error));
  return c;
}

static tm_module *parse(tm_context *c, const char *text) {
  tm_module *m;
  (void)c;
  OK(tm_module_parse(&m, "ops", "ops.py", text, strlen(text), NULL, &error));
  return m;
}

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, s, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i) * s)\n"
    "\n\n"
    /* Takes long enough to compile for others to come meanwhile. */
    "@triton.jit\n"
    "def slow(x, s, N: tl.constexpr):\n"
    "    a = tl.load(x + tl.arange(0, 32))\n"
    "    for k in tl.static_range(0, N):\n"
    "        a = tl.where(a > k, a * s + k, tl.exp2(a))\n"
    "    tl.store(x + tl.arange(0, 32), a)\n";

static tm_kernel *compile(tm_context *c, const tm_module *m, const char *chip,
                          int block) {
  tm_kernel *k;
  char signature[64];
  snprintf(signature, sizeof signature, "*fp32, fp32, %d", block);
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  o.chip = chip;
  OK(tm_compile(&k, c, m, "scale", &o, &error));
  return k;
}

static void refused(tm_status found, tm_status expected, const char *part) {
  if (found != expected)
    fail_msg("%s, expected %s: %s", tm_status_name(found),
             tm_status_name(expected), error ? tm_error_text(error) : "");
  if (!strstr(tm_error_text(error), part))
    fail_msg("no '%s' in: %s", part, tm_error_text(error));
  tm_error_destroy(error);
  error = NULL;
}

/* ---- packs -------------------------------------------------------------- */

static void kernels_for_every_chip_arrive_on_another_machine(void **state) {
  (void)state;
  enum { MOST = 64 };
  char *texts[MOST] = {0};
  uint64_t n = 0, count;
  tm_context *c = machine("builder");
  tm_module *m = parse(c, source);
  for (; tm_chip_name(n); n++) {
    assert_true(n < MOST);
    tm_kernel *k = compile(c, m, tm_chip_name(n), 128);
    assert_int_equal(tm_kernel_info(k)->from_cache, 0);
    texts[n] = strdup(tm_kernel_text(k, TM_STAGE_MSL));
    tm_kernel_destroy(k);
  }
  assert_true(n >= 5);
  OK(tm_cache_export(c, in_folder("kernels.pack"), &count, &error));
  assert_int_equal(count, n);
  tm_module_destroy(m);
  tm_context_destroy(c);
  /* One file, and nothing beside it. */
  assert_int_equal(access(in_folder("kernels.pack"), F_OK), 0);
  assert_int_not_equal(access(in_folder("kernels.pack-wal"), F_OK), 0);

  c = machine("user");
  m = parse(c, source);
  chmod(in_folder("kernels.pack"), 0400);
  OK(tm_cache_import(c, in_folder("kernels.pack"), &count, &error));
  assert_int_equal(count, n);
  for (uint64_t i = 0; i < n; i++) {
    tm_kernel *k = compile(c, m, tm_chip_name(i), 128);
    assert_int_equal(tm_kernel_info(k)->from_cache, 1);
    assert_string_equal(tm_kernel_text(k, TM_STAGE_MSL), texts[i]);
    tm_kernel_destroy(k);
    free(texts[i]);
  }
  tm_module_destroy(m);
  tm_context_destroy(c);
}

static void what_is_no_pack_is_refused_and_left_as_it_is(void **state) {
  (void)state;
  tm_context *c = machine("user");
  uint64_t count = 9;
  refused(tm_cache_import(c, in_folder("none.pack"), &count, &error), TM_E_IO,
          "no such file");
  assert_int_equal(count, 0);
  assert_int_not_equal(access(in_folder("none.pack"), F_OK), 0);
  FILE *file = fopen(in_folder("text.pack"), "w");
  for (int i = 0; i < 500; i++) fputs("this is not a database\n", file);
  fclose(file);
  refused(tm_cache_import(c, in_folder("text.pack"), NULL, &error), TM_E_IO,
          "not a database");
  struct stat st;
  assert_int_equal(stat(in_folder("text.pack"), &st), 0);
  assert_int_equal(st.st_size, 500 * 23);
  assert_int_not_equal(access(in_folder("text.pack.corrupt-1"), F_OK), 0);
  file = fopen(in_folder("empty.pack"), "w");
  fclose(file);
  refused(tm_cache_import(c, in_folder("empty.pack"), NULL, &error), TM_E_IO,
          "empty");
  mkdir(in_folder("folder.pack"), 0700);
  refused(tm_cache_import(c, in_folder("folder.pack"), NULL, &error), TM_E_IO,
          "folder.pack");
  refused(tm_cache_export(c, in_folder("folder.pack"), NULL, &error), TM_E_IO,
          "folder.pack");
  refused(tm_cache_export(c, "/proc/none/x.pack", NULL, &error), TM_E_IO,
          "/proc/none/x.pack");
  tm_context_destroy(c);
}

/* A value changed in the file is left out; the others are taken. */
static void a_damaged_row_stays_behind(void **state) {
  (void)state;
  tm_store *store = tm_store_open(in_folder("a.pack"), 0);
  for (int i = 0; i < 3; i++) {
    char key[8], value[64];
    snprintf(key, sizeof key, "key%d", i);
    snprintf(value, sizeof value, "the value of number %d is this", i);
    tm_store_put(store, "kernel", key, strlen(key), value, strlen(value), "");
  }
  tm_store_close(store);
  FILE *file = fopen(in_folder("a.pack"), "r+b");
  static char bytes[1 << 20];
  size_t n = fread(bytes, 1, sizeof bytes, file);
  char *at = memmem(bytes, n, "number 1", 8);
  assert_non_null(at);
  fseek(file, (long)(at - bytes), SEEK_SET);
  fputs("nUmber", file);
  fclose(file);
  tm_context *c = machine("user");
  uint64_t count;
  refused(tm_cache_import(c, in_folder("a.pack"), &count, &error), TM_E_IO,
          "1 of its rows");
  assert_int_equal(count, 2);
  tm_context_destroy(c);
}

static void an_export_replaces_a_pack_at_once(void **state) {
  (void)state;
  tm_context *c = machine("builder");
  tm_module *m = parse(c, source);
  uint64_t count;
  for (int round = 1; round <= 2; round++) {
    tm_kernel_destroy(compile(c, m, "m1", 64 * round));
    OK(tm_cache_export(c, in_folder("k.pack"), &count, &error));
    assert_int_equal(count, round);
  }
  tm_store *pack = tm_store_open_pack(in_folder("k.pack"));
  tm_store_stats stats;
  tm_store_get_stats(pack, &stats);
  assert_int_equal(stats.rows, 2);
  assert_false(stats.writable);
  tm_store_close(pack);
  tm_module_destroy(m);
  tm_context_destroy(c);
}

static void prune_deletes_what_nobody_used(void **state) {
  (void)state;
  tm_context *c = machine("user");
  tm_module *m = parse(c, source);
  tm_kernel_destroy(compile(c, m, "m1", 64));
  uint64_t deleted = 9;
  OK(tm_cache_prune(c, 3600, &deleted, &error));
  assert_int_equal(deleted, 0);
  OK(tm_cache_prune(c, UINT64_MAX, &deleted, &error));
  assert_int_equal(deleted, 0);
  struct timespec second = {1, 100000000};
  nanosleep(&second, NULL);
  OK(tm_cache_prune(c, 0, &deleted, &error));
  assert_int_equal(deleted, 1);
  tm_kernel *k = compile(c, m, "m1", 64);
  assert_int_equal(tm_kernel_info(k)->from_cache, 0);
  tm_kernel_destroy(k);
  tm_module_destroy(m);
  tm_context_destroy(c);
}

/* ---- processes ---------------------------------------------------------- */

enum { PROCESSES = 8, KERNELS = 50 };

/* Compiles all kernels and returns how many it had to make. */
static int compile_all(void) {
  tm_context *c = machine("shared");
  tm_module *m = parse(c, source);
  int made = 0;
  for (int i = 0; i < KERNELS; i++) {
    tm_kernel *k;
    char signature[64];
    snprintf(signature, sizeof signature, "*fp32, fp32, %d", 100 + i);
    tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
    o.signature = signature;
    o.chip = "m1";
    if (tm_compile(&k, c, m, "slow", &o, &error)) return 255;
    made += !tm_kernel_info(k)->from_cache;
    tm_kernel_destroy(k);
  }
  tm_module_destroy(m);
  tm_context_destroy(c);
  return made;
}

static void eight_processes_compile_each_kernel_once(void **state) {
  (void)state;
  int start[2], total = 0;
  pid_t children[PROCESSES];
  assert_int_equal(pipe(start), 0);
  for (int p = 0; p < PROCESSES; p++) {
    children[p] = fork();
    if (children[p] == 0) {
      char byte;
      close(start[1]);
      if (read(start[0], &byte, 1) < 0) _exit(255); /* all set off at once */
      _exit(compile_all());
    }
  }
  close(start[0]);
  close(start[1]);
  for (int p = 0; p < PROCESSES; p++) {
    int status;
    waitpid(children[p], &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 255);
    total += WEXITSTATUS(status);
  }
  print_message("%d kernels compiled by %d processes: %d compiles\n", KERNELS,
                PROCESSES, total);
  /* A process that finds the file locked for too long makes its own, as on a
   * busy machine some do; if none waited, there would be PROCESSES times
   * KERNELS. */
  assert_true(total >= KERNELS && total <= PROCESSES * KERNELS / 2);
}

static void a_claim_ends_with_its_holder(void **state) {
  (void)state;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  tm_store *store = tm_store_open(in_folder("k.db"), 0);
  tm_store_put(store, "kernel", "x", 1, "y", 1, "");
  pid_t child = fork();
  if (child == 0) {
    tm_store_claim claim = tm_store_claim_row(store, "kernel", "key", 3, 0);
    if (write(ready[1], claim.file >= 0 ? "1" : "0", 1) < 0) _exit(1);
    pause();
    _exit(0);
  }
  char got;
  assert_int_equal(read(ready[0], &got, 1), 1);
  tm_store_claim held = tm_store_claim_row(store, "kernel", "key", 3, 20);
  tm_store_claim free_one = tm_store_claim_row(store, "kernel", "other", 5, 0);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  tm_store_claim after = tm_store_claim_row(store, "kernel", "key", 3, 1000);
  assert_int_equal(got, '1');
  assert_int_equal(held.file, -1);
  assert_true(held.waited);
  assert_true(free_one.file >= 0);
  assert_true(after.file >= 0);
  tm_store_release_row(&free_one);
  tm_store_release_row(&after);
  tm_store_close(store);
  close(ready[0]);
  close(ready[1]);
}

/* Puts rows until it is killed, and says after each that it is there. */
static void put_for_ever(const char *path, int first, int said) {
  tm_store *store = tm_store_open(path, 0);
  static char value[20000];
  memset(value, 'v', sizeof value);
  for (int i = first;; i++) {
    char key[16];
    snprintf(key, sizeof key, "key%d", i);
    tm_store_put(store, "kernel", key, strlen(key), value,
                 (size_t)(i * 7919 % 20000), "");
    if (write(said, &i, sizeof i) != sizeof i) _exit(1);
  }
}

static void two_hundred_kills_lose_no_stored_row(void **state) {
  (void)state;
  const char *path = in_folder("killed.db");
  int last = -1;
  unsigned seed = 12345;
  for (int round = 0; round < 200; round++) {
    int said[2], i;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
      close(said[0]);
      put_for_ever(path, last + 1, said[1]);
    }
    close(said[1]);
    /* After up to three rows, somewhere within the next one; or within
     * opening the file. */
    seed = seed * 1103515245 + 12345;
    for (unsigned wait = (seed >> 20) % 4; wait; wait--)
      if (read(said[0], &i, sizeof i) == sizeof i) last = i;
    struct timespec t = {0, (long)(seed >> 8) % 2000 * 1000};
    nanosleep(&t, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(said[0], &i, sizeof i) == sizeof i) last = i;
    close(said[0]);
  }
  assert_true(last > 100);
  tm_store *store = tm_store_open(path, 0);
  uint64_t good, bad;
  tm_store_verify(store, &good, &bad);
  assert_int_equal(bad, 0);
  assert_true(good >= (uint64_t)last + 1);
  for (int i = 0; i <= last; i++) {
    char key[16];
    void *value;
    size_t size;
    snprintf(key, sizeof key, "key%d", i);
    assert_true(tm_store_get(store, "kernel", key, strlen(key), &value,
                             &size));
    assert_int_equal(size, i * 7919 % 20000);
    free(value);
  }
  tm_store_close(store);
  char aside[160];
  snprintf(aside, sizeof aside, "%s.corrupt-1", path);
  assert_int_not_equal(access(aside, F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
      TEST(kernels_for_every_chip_arrive_on_another_machine),
      TEST(what_is_no_pack_is_refused_and_left_as_it_is),
      TEST(a_damaged_row_stays_behind),
      TEST(an_export_replaces_a_pack_at_once),
      TEST(prune_deletes_what_nobody_used),
      TEST(eight_processes_compile_each_kernel_once),
      TEST(a_claim_ends_with_its_holder),
      TEST(two_hundred_kills_lose_no_stored_row),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
