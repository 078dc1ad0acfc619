/* SPDX-License-Identifier: MIT */
/*
 * test_cache_trouble.c - what can go wrong around the cache's file while the
 * library is at work: the disk is full, locks fail as on some network file
 * systems, there is no home, clocks jump, the tables are not ours.
 *
 * Each time kernels compile all the same, what was lost is counted, the
 * first trouble is told in words and stays as it is, nothing stored before
 * is lost, and when the trouble is over the cache works again.
 */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include "../cache/cacheint.h"
#include "faults/faults.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96];
static tm_error *error;
static tm_context *context;
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
    "def scale(x, s, N: tl.constexpr):\n"
    "    i = tl.arange(0, 32)\n"
    "    tl.store(x + i, tl.load(x + i) * s + N)\n";

static char warnings[2000];
static int n_warnings;

static void keep_warning(void *payload, uint32_t level, const char *line) {
  assert_int_equal(level, 0);
  n_warnings++;
  snprintf(warnings, sizeof warnings, "%s", line);
}

static void open_context(void) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = folder;
  o.log = keep_warning;
  n_warnings = 0;
  OK(tm_context_create(&context, &o, &error));
  OK(tm_module_parse(&module, "ops", "ops.py", source, strlen(source), NULL,
                     &error));
}

static void close_context(void) {
  tm_module_destroy(module);
  tm_context_destroy(context);
  module = NULL;
  context = NULL;
}

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-trouble-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/kernels.db", folder);
  return 0;
}

static int end(void **state) {
  (void)state;
  char command[128];
  faults_disarm();
  close_context();
  tm_error_destroy(error);
  error = NULL;
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) == 0 ? 0 : -1;
}

static tm_status compile_n(int n, bool *cached) {
  tm_kernel *k;
  char signature[64];
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  snprintf(signature, sizeof signature, "*fp32, fp32, %d", n);
  o.signature = signature;
  o.chip = "m1";
  tm_status status = tm_compile(&k, context, module, "scale", &o, &error);
  if (status) return status;
  *cached = tm_kernel_info(k)->from_cache;
  tm_kernel_destroy(k);
  return TM_OK;
}

/* Compiles; was it in the cache? */
static bool compile(int n) {
  bool cached;
  OK(compile_n(n, &cached));
  return cached;
}

static tm_cache_facts facts_now(void) {
  tm_cache_facts facts = {.struct_size = sizeof facts};
  OK(tm_cache_stats(context, &facts, &error));
  return facts;
}

static bool was_set_aside(void) {
  char name[128];
  snprintf(name, sizeof name, "%s.corrupt-1", path);
  return access(name, F_OK) == 0;
}

static void sql(const char *text) {
  sqlite3 *db;
  char *message = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  sqlite3_busy_timeout(db, 1000);
  if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
    fail_msg("%s: %s", text, message);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- a full disk -------------------------------------------------------- */

static void a_full_disk_costs_compiles_and_is_told_once(void **state) {
  (void)state;
  open_context();
  assert_false(compile(64));
  assert_int_equal(n_warnings, 0);
  faults_arm(FAULT_SQLITE_WRITE, 1, true);
  assert_false(compile(128));
  tm_cache_facts first = facts_now();
  assert_true(first.failures >= 1);
  assert_non_null(strstr(first.trouble, "full"));
  assert_false(compile(128)); /* it was not stored */
  assert_true(compile(64));   /* what is there is read */
  tm_cache_facts second = facts_now();
  assert_true(second.failures > first.failures);
  assert_string_equal(second.trouble, first.trouble);
  assert_true(second.usable);
  assert_int_equal(n_warnings, 1);
  assert_non_null(strstr(warnings, path));
  assert_non_null(strstr(warnings, "full"));
  faults_disarm();
  assert_false(compile(128));
  assert_true(compile(128));
  assert_false(was_set_aside());
}

/* The disk is full from the N-th write of opening and storing on. */
static void a_disk_that_fills_at_any_write_loses_no_other_row(void **state) {
  (void)state;
  uint64_t n = 1, good, bad;
  for (bool failed = true; failed; n++) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    assert_int_equal(system(command), 0);
    faults_arm(FAULT_SQLITE_WRITE, n, true);
    open_context();
    compile(64);
    compile(128);
    failed = faults_disarm() >= n;
    if (failed) assert_true(facts_now().failures > 0);
    close_context();
    open_context();
    compile(64);
    compile(128);
    assert_true(compile(64) && compile(128));
    OK(tm_cache_verify(context, &good, &bad, &error));
    assert_int_equal(good, 2);
    assert_int_equal(bad, 0);
    close_context();
    assert_false(was_set_aside());
  }
  print_message("%d writes failed in turn\n", (int)n - 2);
  assert_true(n > 5);
}

/* The kernel's own refusal to let a file grow, in a process that does not
 * die of it. */
static int fill_a_limited_file(void) {
  struct rlimit most = {200 << 10, 200 << 10};
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &most)) return 1;
  open_context();
  for (int i = 0; i < 120; i++) {
    bool cached;
    if (compile_n(100 + i, &cached) || cached) return 2;
  }
  tm_cache_facts facts = facts_now();
  close_context();
  return facts.failures && facts.trouble[0] && facts.stores ? 0 : 3;
}

static void a_file_that_may_not_grow_is_survived(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0) _exit(fill_a_limited_file());
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  uint64_t good, bad;
  open_context();
  OK(tm_cache_verify(context, &good, &bad, &error));
  assert_true(good > 0);
  assert_int_equal(bad, 0);
  assert_true(compile(100));
  assert_false(was_set_aside());
}

/* ---- locks -------------------------------------------------------------- */

static void without_locks_every_kernel_compiles_anew(void **state) {
  (void)state;
  open_context();
  faults_arm(FAULT_SQLITE_LOCK, 1, true);
  assert_false(compile(64));
  assert_false(compile(64));
  tm_cache_facts facts = facts_now();
  assert_false(facts.usable);
  assert_int_equal(n_warnings, 1);
  assert_true(facts.failures >= 2);
  assert_string_not_equal(facts.trouble, "");
  faults_disarm();
  close_context();
  open_context();
  assert_false(compile(64));
  assert_true(compile(64));
  assert_false(was_set_aside());
}

static void a_lock_that_fails_at_any_time_is_a_miss(void **state) {
  (void)state;
  uint64_t n = 1;
  for (bool failed = true; failed; n++) {
    open_context();
    faults_arm(FAULT_SQLITE_LOCK, n, false);
    compile(64);
    compile(128);
    failed = faults_disarm() >= n;
    close_context();
  }
  print_message("%d locks failed in turn\n", (int)n - 2);
  assert_true(n > 5);
  uint64_t good, bad;
  open_context();
  OK(tm_cache_verify(context, &good, &bad, &error));
  assert_int_equal(good, 2);
  assert_int_equal(bad, 0);
  assert_false(was_set_aside());
}

/* ---- no home ------------------------------------------------------------ */

static void without_a_home_kernels_compile(void **state) {
  (void)state;
  char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
  unsetenv("HOME");
  OK(tm_context_create(&context, NULL, &error));
  OK(tm_module_parse(&module, "ops", "ops.py", source, strlen(source), NULL,
                     &error));
  assert_false(compile(64));
  assert_false(compile(64));
  tm_cache_facts facts = facts_now();
  assert_null(facts.path);
  assert_false(facts.usable);
  if (home) setenv("HOME", home, 1);
  free(home);
}

/* ---- clocks ------------------------------------------------------------- */

static void put(tm_store *store, const char *key) {
  static const char value[1000];
  assert_true(tm_store_put(store, "kernel", key, strlen(key), value,
                           sizeof value, key));
}

static bool has(tm_store *store, const char *key) {
  void *value;
  size_t size;
  bool found = tm_store_get(store, "kernel", key, strlen(key), &value, &size);
  free(value);
  return found;
}

/* A clock that was a century ahead has left its marks on a full cache. */
static void rows_of_the_future_do_not_push_out_those_of_now(void **state) {
  (void)state;
  char key[16];
  tm_store *store = tm_store_open(path, 50000);
  for (int i = 0; i < 40; i++) {
    snprintf(key, sizeof key, "old %d", i);
    put(store, key);
  }
  tm_store_close(store);
  sql("UPDATE row SET used=used+3155760000000000, created=used");
  store = tm_store_open(path, 50000);
  for (int i = 0; i < 30; i++) {
    snprintf(key, sizeof key, "new %d", i);
    put(store, key);
  }
  for (int i = 0; i < 30; i++) {
    snprintf(key, sizeof key, "new %d", i);
    assert_true(has(store, key));
  }
  tm_store_close(store);
}

/* A clock that went back: all that is there seems to be of the future. */
static void a_clock_that_went_back_still_stores(void **state) {
  (void)state;
  open_context();
  compile(64);
  sql("UPDATE row SET used=used+31557600000000, created=used");
  assert_true(compile(64));
  assert_false(compile(128));
  assert_true(compile(128));
  assert_int_equal(facts_now().failures, 0);
}

static bool note_use(void *payload, const tm_store_row *row) {
  *(int64_t *)payload = row->used;
  return true;
}

static void a_use_and_a_pruning_put_the_time_right(void **state) {
  (void)state;
  int64_t used = 0, now = tmi_store_now() / 1000000;
  uint64_t deleted;
  tm_store *store = tm_store_open(path, 0);
  put(store, "row");
  sql("UPDATE row SET used=4102444800000000"); /* 2100 */
  assert_true(has(store, "row"));
  assert_true(tm_store_each(store, note_use, &used)); /* writes uses first */
  assert_in_range(used, now, now + 60);
  sql("UPDATE row SET used=9223372036854775807");
  assert_true(tm_store_prune(store, now - 60, &deleted));
  assert_int_equal(deleted, 0);
  assert_true(tm_store_each(store, note_use, &used));
  assert_in_range(used, now, now + 60);
  /* A little ahead is another computer's clock, and stays. */
  sql("UPDATE row SET used=used+3600000000");
  assert_true(has(store, "row"));
  assert_true(tm_store_each(store, note_use, &used));
  assert_in_range(used, now + 3600, now + 3660);
  tm_store_close(store);
}

/* After a failure the file is let alone for a second, whatever the clock
 * does meanwhile. */
static void a_clock_that_goes_back_does_not_shut_the_cache(void **state) {
  (void)state;
  tm_store *store = tm_store_open(path, 0);
  put(store, "row");
  tm_store_link *link = tmi_store_lock(store);
  tmi_store_close_link(link);
  link->retry_at = time(NULL) + 100000;
  tmi_store_unlock(link);
  assert_true(has(store, "row"));
  tm_store_close(store);
}

/* ---- tables that are not ours ------------------------------------------- */

/* Our marks on a table with an expression of somebody else's. */
static void refuses_tables(const char *change) {
  open_context();
  compile(64);
  close_context();
  sql(change);
  open_context();
  assert_false(compile(64));
  assert_true(compile(64));
  assert_true(was_set_aside());
  assert_non_null(strstr(facts_now().trouble, "malformed"));
  close_context();
}

static void an_index_of_a_strangers_is_set_aside(void **state) {
  (void)state;
  refuses_tables("CREATE INDEX i ON row(length(value)+abs(uses))");
}

static void a_computed_column_is_set_aside(void **state) {
  (void)state;
  refuses_tables("ALTER TABLE row ADD COLUMN x AS (hex(zeroblob(uses)))");
}

static void a_trigger_is_set_aside(void **state) {
  (void)state;
  refuses_tables("CREATE TRIGGER t AFTER INSERT ON row BEGIN "
                 "DELETE FROM row; END");
}

static void a_pack_with_other_tables_is_refused_and_left(void **state) {
  (void)state;
  open_context();
  compile(64);
  char pack[128];
  snprintf(pack, sizeof pack, "%s/k.pack", folder);
  OK(tm_cache_export(context, pack, NULL, &error));
  char own[sizeof path];
  memcpy(own, path, sizeof own);
  memcpy(path, pack, sizeof path - 1);
  sql("CREATE TABLE more(x)");
  memcpy(path, own, sizeof own);
  assert_int_equal(tm_cache_import(context, pack, NULL, &error), TM_E_IO);
  assert_non_null(strstr(tm_error_text(error), "malformed"));
  assert_int_equal(access(pack, F_OK), 0);
}

/* ---- damage ------------------------------------------------------------- */

/* What is damaged is set aside in the middle of a statement; that must not
 * keep the connection, whose file and memory would never be freed. */
static void damage_met_in_the_middle_leaves_no_connection(void **state) {
  (void)state;
  char key[16], other[128];
  uint64_t copied, left_out, good, bad;
  assert_int_equal(sqlite3_memory_used(), 0);
  tm_store *store = tm_store_open(path, 0);
  for (int i = 0; i < 200; i++) {
    snprintf(key, sizeof key, "row %d", i);
    put(store, key);
  }
  assert_true(sqlite3_memory_used() > 0);
  tm_store_close(store);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  for (long page = 10; page < 40; page++) {
    assert_int_equal(fseek(file, page * 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++) fputc(0xff, file);
  }
  assert_int_equal(fclose(file), 0);
  snprintf(other, sizeof other, "%s/other.db", folder);
  store = tm_store_open(path, 0);
  tm_store *to = tm_store_open(other, 0);
  assert_false(tm_store_copy(store, to, NULL, &copied, &left_out));
  assert_true(was_set_aside());
  assert_true(tm_store_verify(store, &good, &bad)); /* the new one */
  assert_int_equal(good + bad, 0);
  tm_store_close(store);
  tm_store_close(to);
  assert_int_equal(sqlite3_memory_used(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
      TEST(a_full_disk_costs_compiles_and_is_told_once),
      TEST(a_disk_that_fills_at_any_write_loses_no_other_row),
      TEST(a_file_that_may_not_grow_is_survived),
      TEST(without_locks_every_kernel_compiles_anew),
      TEST(a_lock_that_fails_at_any_time_is_a_miss),
      TEST(without_a_home_kernels_compile),
      TEST(rows_of_the_future_do_not_push_out_those_of_now),
      TEST(a_clock_that_went_back_still_stores),
      TEST(a_use_and_a_pruning_put_the_time_right),
      TEST(a_clock_that_goes_back_does_not_shut_the_cache),
      TEST(an_index_of_a_strangers_is_set_aside),
      TEST(a_computed_column_is_set_aside),
      TEST(a_trigger_is_set_aside),
      TEST(a_pack_with_other_tables_is_refused_and_left),
      TEST(damage_met_in_the_middle_leaves_no_connection),
  };
  faults_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
