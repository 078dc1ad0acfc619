/* SPDX-License-Identifier: MIT */
/* test_cache.c - the store of bytes: what is a hit, and that everything that
 * can be wrong with its file is only ever a miss. */
#define _GNU_SOURCE
#include "../cache/cache.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char path[160];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-cache-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/deep/er/kernels.db", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char command[200];
  snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", folder,
           folder);
  return system(command) == 0 ? 0 : -1;
}

static void put(tm_store *store, const char *kind, const char *key,
                const char *value) {
  tm_store_put(store, kind, key, strlen(key), value, strlen(value), "label");
}

/* NULL: a miss. The caller frees it. */
static char *get(tm_store *store, const char *kind, const char *key) {
  void *value;
  size_t size;
  if (!tm_store_get(store, kind, key, strlen(key), &value, &size)) {
    assert_null(value);
    return NULL;
  }
  assert_int_equal(strlen(value), size);
  return value;
}

static void assert_hit(tm_store *store, const char *kind, const char *key,
                       const char *expected) {
  char *value = get(store, kind, key);
  assert_non_null(value);
  assert_string_equal(value, expected);
  free(value);
}

static tm_store_stats stats_of(tm_store *store) {
  tm_store_stats stats;
  tm_store_get_stats(store, &stats);
  return stats;
}

static void sql(const char *text) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *name, const void *bytes, size_t n) {
  FILE *file = fopen(name, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  fclose(file);
}

static bool exists(const char *suffix) {
  char name[200];
  snprintf(name, sizeof name, "%s%s", path, suffix);
  return access(name, F_OK) == 0;
}

/* ---- hits and misses ---------------------------------------------------- */

static void a_stored_value_is_found_by_kind_and_key(void **state) {
  tm_store *store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  put(store, "kernel", "key", "value");
  put(store, "archive", "key", "other");
  assert_hit(store, "kernel", "key", "value");
  assert_hit(store, "archive", "key", "other");
  assert_null(get(store, "kernel", "kez"));
  assert_null(get(store, "tune", "key"));
  put(store, "kernel", "key", "newer");
  assert_hit(store, "kernel", "key", "newer");
  tm_store_stats stats = stats_of(store);
  assert_int_equal(stats.hits, 3);
  assert_int_equal(stats.misses, 3);
  assert_int_equal(stats.stores, 3);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.rows, 2);
  assert_int_equal(stats.bytes, 2 * 3 + 5 + 5);
  assert_true(stats.usable && stats.writable);
  assert_string_equal(stats.trouble, "");
  tm_store_close(store);
}

static void keys_and_values_may_be_empty_or_hold_zeros(void **state) {
  tm_store *store = tm_store_open(path, 0);
  void *value;
  size_t size;
  tm_store_put(store, "k", NULL, 0, "a\0b", 3, NULL);
  assert_true(tm_store_get(store, "k", NULL, 0, &value, &size));
  assert_int_equal(size, 3);
  assert_memory_equal(value, "a\0b", 3);
  free(value);
  tm_store_put(store, "k", "x\0y", 3, NULL, 0, NULL);
  assert_false(tm_store_get(store, "k", "x\0z", 3, &value, &size));
  assert_true(tm_store_get(store, "k", "x\0y", 3, &value, &size));
  assert_int_equal(size, 0);
  free(value);
  tm_store_close(store);
}

static void rows_outlive_the_store(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  tm_store_close(store);
  store = tm_store_open(path, 0);
  assert_hit(store, "kernel", "key", "value");
  tm_store_close(store);
}

static void a_store_without_a_file_only_misses(void **state) {
  tm_store *store = tm_store_open(NULL, 0);
  put(store, "kernel", "key", "value");
  assert_null(get(store, "kernel", "key"));
  assert_null(tm_store_path(store));
  assert_false(tm_store_clear(store));
  assert_false(stats_of(store).usable);
  tm_store_close(store);
}

static void files_and_folders_are_private(void **state) {
  umask(0);
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  struct stat st;
  char log[200], deep[120];
  snprintf(log, sizeof log, "%s-wal", path);
  snprintf(deep, sizeof deep, "%s/deep", folder);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(stat(log, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(stat(deep, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  tm_store_close(store);
  umask(022);
}

/* ---- several users ------------------------------------------------------ */

static void a_child_after_fork_has_its_own_connection(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "parent", "p");
  pid_t child = fork();
  if (child == 0) {
    put(store, "kernel", "child", "c");
    char *value = get(store, "kernel", "parent");
    _exit(value && strcmp(value, "p") == 0 ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_hit(store, "kernel", "child", "c");
  assert_hit(store, "kernel", "parent", "p");
  tm_store_close(store);
}

static void store_many(const char *who, int *lost) {
  tm_store *store = tm_store_open(path, 0);
  for (int i = 0; i < 50; i++) {
    char key[32];
    snprintf(key, sizeof key, "%s %d", who, i);
    put(store, "kernel", key, key);
  }
  *lost = (int)stats_of(store).failures;
  tm_store_close(store);
}

static void processes_share_one_file(void **state) {
  pid_t children[4];
  for (int i = 0; i < 4; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      char who[16];
      int lost;
      snprintf(who, sizeof who, "p%d", i);
      store_many(who, &lost);
      _exit(lost);
    }
  }
  int lost = 0;
  for (int i = 0; i < 4; i++) {
    int status;
    waitpid(children[i], &status, 0);
    assert_true(WIFEXITED(status));
    lost += WEXITSTATUS(status);
  }
  tm_store *store = tm_store_open(path, 0);
  /* A store may be lost to a lock, but then it is counted. */
  assert_int_equal(stats_of(store).rows, 200 - lost);
  assert_false(exists(".corrupt-1"));
  tm_store_close(store);
}

typedef struct thread_job {
  tm_store *store;
  int number, wrong;
} thread_job;

static void *use_from_thread(void *payload) {
  thread_job *job = payload;
  for (int i = 0; i < 100; i++) {
    char key[32];
    snprintf(key, sizeof key, "t%d %d", job->number, i);
    put(job->store, "kernel", key, key);
    char *value = get(job->store, "kernel", key);
    if (!value || strcmp(value, key) != 0) job->wrong++;
    free(value);
  }
  return NULL;
}

static void threads_share_one_store(void **state) {
  tm_store *store = tm_store_open(path, 0);
  pthread_t threads[4];
  thread_job jobs[4];
  for (int i = 0; i < 4; i++) {
    jobs[i] = (thread_job){store, i, 0};
    pthread_create(&threads[i], NULL, use_from_thread, &jobs[i]);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; i++) assert_int_equal(jobs[i].wrong, 0);
  assert_int_equal(stats_of(store).rows, 400);
  tm_store_close(store);
}

static void a_locked_file_is_a_counted_miss(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                   SQLITE_OK);
  put(store, "kernel", "late", "value"); /* the writer's lock is taken */
  assert_hit(store, "kernel", "key", "value"); /* readers go on */
  assert_int_equal(stats_of(store).failures, 1);
  assert_string_not_equal(stats_of(store).trouble, "");
  assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  put(store, "kernel", "late", "value");
  assert_hit(store, "kernel", "late", "value");
  tm_store_close(store);
}

static void a_file_locked_by_all_means_is_not_usable_but_harmless(void **s) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  tm_store_close(store);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db,
                                "PRAGMA locking_mode=EXCLUSIVE;"
                                "PRAGMA journal_mode=DELETE;"
                                "BEGIN EXCLUSIVE; DELETE FROM row",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  put(store, "kernel", "key", "value");
  assert_false(stats_of(store).usable);
  assert_true(stats_of(store).failures >= 2);
  tm_store_close(store);
  sqlite3_close(db);
  store = tm_store_open(path, 0);
  assert_hit(store, "kernel", "key", "value");
  assert_false(exists(".corrupt-1"));
  tm_store_close(store);
}

/* ---- damage ------------------------------------------------------------- */

static void a_flipped_bit_of_a_value_is_a_miss_and_the_row_goes(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  put(store, "kernel", "fine", "value");
  tm_store_close(store);
  sql("UPDATE row SET value=CAST('walue' AS BLOB) "
      "WHERE key=CAST('key' AS BLOB)");
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  assert_int_equal(stats_of(store).failures, 1);
  assert_int_equal(stats_of(store).rows, 1);
  assert_hit(store, "kernel", "fine", "value");
  tm_store_close(store);
}

static void exchanged_values_are_misses(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "a", "value a");
  put(store, "kernel", "b", "value b");
  tm_store_close(store);
  /* b's value with b's checksum under a's key. */
  sql("UPDATE row SET (value,sum_high,sum_low)=(SELECT value,sum_high,sum_low "
      "FROM row WHERE key=CAST('b' AS BLOB)) WHERE key=CAST('a' AS BLOB)");
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "a"));
  assert_hit(store, "kernel", "b", "value b");
  tm_store_close(store);
}

static void wrong_column_types_are_misses(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "a", "1");
  put(store, "kernel", "b", "2");
  tm_store_close(store);
  sql("UPDATE row SET value='text' WHERE key=CAST('a' AS BLOB);"
      "UPDATE row SET sum_low='x', size=-5 WHERE key=CAST('b' AS BLOB)");
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "a"));
  assert_null(get(store, "kernel", "b"));
  put(store, "kernel", "a", "3");
  assert_hit(store, "kernel", "a", "3");
  tm_store_close(store);
}

static void verify_counts_and_removes_bad_rows(void **state) {
  tm_store *store = tm_store_open(path, 0);
  for (int i = 0; i < 200; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    put(store, "kernel", key, key);
  }
  tm_store_close(store);
  sql("UPDATE row SET sum_high=sum_high+1 WHERE length(key)=3"); /* 100..199 */
  store = tm_store_open(path, 0);
  uint64_t good, bad;
  tm_store_verify(store, &good, &bad);
  assert_int_equal(good, 100);
  assert_int_equal(bad, 100);
  tm_store_verify(store, &good, &bad);
  assert_int_equal(good, 100);
  assert_int_equal(bad, 0);
  tm_store_close(store);
}

/* The log's index stays behind, mapped by the first store. */
static void only_the_database_may_be_deleted_under_two_stores(void **state) {
  tm_store *first = tm_store_open(path, 0);
  for (int i = 0; i < 300; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    put(first, "kernel", key, key);
  }
  assert_int_equal(unlink(path), 0);
  tm_store *second = tm_store_open(path, 0);
  put(second, "kernel", "b", "2");
  for (int i = 0; i < 300; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    assert_hit(first, "kernel", key, key);
  }
  put(first, "kernel", "c", "3");
  assert_hit(second, "kernel", "b", "2");
  tm_store_close(first);
  assert_hit(second, "kernel", "b", "2");
  tm_store_close(second);
}

static void a_file_that_is_not_sqlite_is_set_aside(void **state) {
  tm_store *store = tm_store_open(path, 0);
  tm_store_close(store);
  char command[250];
  snprintf(command, sizeof command, "mkdir -p %s/deep/er", folder);
  assert_int_equal(system(command), 0);
  char junk[8192];
  memset(junk, 'x', sizeof junk);
  write_file(path, junk, sizeof junk);
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  put(store, "kernel", "key", "value");
  assert_hit(store, "kernel", "key", "value");
  assert_true(exists(".corrupt-1"));
  assert_true(stats_of(store).usable);
  assert_string_not_equal(stats_of(store).trouble, "");
  tm_store_close(store);
}

/* Whatever byte of the file is wrong: no wrong value, no crash, and the
 * store works afterwards. */
static void flipped_bytes_anywhere_are_survived(void **state) {
  tm_store *store = tm_store_open(path, 0);
  char value[3000];
  memset(value, 'v', sizeof value - 1);
  value[sizeof value - 1] = 0;
  put(store, "kernel", "long", value);
  for (int i = 0; i < 60; i++) {
    char key[16];
    snprintf(key, sizeof key, "key %d", i);
    put(store, "kernel", key, key);
  }
  tm_store_close(store);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  static unsigned char whole[1 << 18];
  size_t n = fread(whole, 1, sizeof whole, file);
  fclose(file);
  assert_in_range(n, 4096, sizeof whole - 1);
  uint32_t random = 12345;
  for (int round = 0; round < 150; round++) {
    unsigned char *copy = malloc(n);
    memcpy(copy, whole, n);
    for (int flips = 0; flips < 8; flips++) {
      random = random * 1664525u + 1013904223u;
      /* Half of them in the header and the first page. */
      size_t at = (random >> 8) % (round % 2 ? 4096 : n);
      copy[at] ^= (unsigned char)(1u << (random & 7));
    }
    size_t length = round % 10 == 9 ? n * (size_t)(round % 7) / 7 : n;
    remove_folder(NULL);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/kernels.db", folder);
    write_file(path, copy, length);
    chmod(path, 0600);
    free(copy);
    store = tm_store_open(path, 0);
    char *found = get(store, "kernel", "long");
    if (found) assert_string_equal(found, value);
    free(found);
    found = get(store, "kernel", "key 7");
    if (found) assert_string_equal(found, "key 7");
    free(found);
    uint64_t good, bad;
    tm_store_verify(store, &good, &bad);
    put(store, "kernel", "after", "after");
    tm_store_close(store);
  }
}

static void another_programs_database_is_left_alone(void **state) {
  snprintf(path, sizeof path, "%s/kernels.db", folder);
  sql("CREATE TABLE row(id INTEGER PRIMARY KEY, precious TEXT);"
      "INSERT INTO row VALUES(1,'data')");
  tm_store *store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  put(store, "kernel", "key", "value");
  assert_null(get(store, "kernel", "key"));
  assert_false(tm_store_clear(store));
  assert_non_null(strstr(stats_of(store).trouble, "another program"));
  tm_store_close(store);
  assert_false(exists(".corrupt-1"));
  sql("UPDATE row SET precious='still here' WHERE id=1");
}

static void a_future_schema_is_left_alone(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  tm_store_close(store);
  sql("PRAGMA user_version=2; ALTER TABLE row ADD COLUMN future TEXT");
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  assert_non_null(strstr(stats_of(store).trouble, "newer"));
  tm_store_close(store);
  sql("UPDATE row SET future='x'");
}

/* Runs body in a child without the rights of root; its result. */
static int as_nobody(int (*body)(void)) {
  pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) || setuid(65534))) _exit(99);
    _exit(body());
  }
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static int reads_without_writing(void) {
  tm_store *store = tm_store_open(path, 0);
  char *value = get(store, "kernel", "key");
  if (!value || strcmp(value, "value") != 0) return 1;
  put(store, "kernel", "new", "value");
  if (get(store, "kernel", "new")) return 2;
  tm_store_stats stats = stats_of(store);
  tm_store_close(store);
  return stats.usable && !stats.writable && stats.failures == 1 ? 0 : 3;
}

static void a_read_only_folder_is_read(void **state) {
  snprintf(path, sizeof path, "%s/kernels.db", folder);
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  tm_store_close(store);
  chmod(path, 0444);
  chmod(folder, 0555);
  assert_int_equal(as_nobody(reads_without_writing), 0);
}

static int only_misses(void) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  bool missed = !get(store, "kernel", "key");
  tm_store_close(store);
  return missed ? 0 : 1;
}

static void a_folder_that_cannot_be_made_only_misses(void **state) {
  chmod(folder, 0555);
  assert_int_equal(as_nobody(only_misses), 0);
  snprintf(path, sizeof path, "/proc/none/kernels.db");
  assert_int_equal(only_misses(), 0);
}

static void a_file_that_others_may_write_is_not_trusted(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "key", "value");
  tm_store_close(store);
  chmod(path, 0666);
  store = tm_store_open(path, 0);
  assert_null(get(store, "kernel", "key"));
  assert_non_null(strstr(stats_of(store).trouble, "other users"));
  tm_store_close(store);
}

/* ---- size --------------------------------------------------------------- */

static void least_recently_used_rows_are_evicted(void **state) {
  tm_store *store = tm_store_open(path, 100000);
  char value[5001];
  memset(value, 'v', 5000);
  value[5000] = 0;
  put(store, "kernel", "kept", value);
  for (int i = 0; i < 60; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    put(store, "kernel", key, value);
    assert_hit(store, "kernel", "kept", value); /* used all the time */
  }
  tm_store_stats stats = stats_of(store);
  /* The size is looked at after each 1/32 of the limit; one row may be over. */
  assert_in_range(stats.bytes, 80000, 110000);
  assert_hit(store, "kernel", "kept", value);
  assert_hit(store, "kernel", "59", value);
  assert_null(get(store, "kernel", "0"));
  tm_store_close(store);
}

static void a_value_over_half_the_limit_is_not_stored(void **state) {
  tm_store *store = tm_store_open(path, 1000);
  char value[601];
  memset(value, 'v', 600);
  value[600] = 0;
  put(store, "kernel", "small", "s");
  put(store, "kernel", "big", value);
  assert_null(get(store, "kernel", "big"));
  assert_hit(store, "kernel", "small", "s");
  assert_int_equal(stats_of(store).failures, 1);
  tm_store_close(store);
}

static void a_size_beyond_all_measure_is_not_read(void **state) {
  tm_store *store = tm_store_open(path, UINT64_MAX);
  char byte = 0;
  tm_store_put(store, "kernel", "key", 3, &byte, SIZE_MAX / 2, "label");
  assert_int_equal(stats_of(store).failures, 1);
  tm_store_close(store);
}

static bool collect(void *payload, const tm_store_row *row) {
  char *text = payload;
  snprintf(text + strlen(text), 200 - strlen(text), "%s/%s/%d/%d ", row->kind,
           row->label, (int)row->value_size, (int)row->uses);
  return strlen(text) < 40;
}

static void rows_are_listed_by_last_use(void **state) {
  tm_store *store = tm_store_open(path, 0);
  put(store, "kernel", "a", "1");
  usleep(1000);
  put(store, "archive", "b", "22");
  usleep(1000);
  free(get(store, "kernel", "a"));
  char text[200] = "";
  tm_store_each(store, collect, text);
  assert_string_equal(text, "kernel/label/1/1 archive/label/2/0 ");
  assert_true(tm_store_clear(store));
  text[0] = 0;
  tm_store_each(store, collect, text);
  assert_string_equal(text, "");
  assert_null(get(store, "kernel", "a"));
  tm_store_close(store);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_stored_value_is_found_by_kind_and_key),
      TEST(keys_and_values_may_be_empty_or_hold_zeros),
      TEST(rows_outlive_the_store),
      TEST(a_store_without_a_file_only_misses),
      TEST(files_and_folders_are_private),
      TEST(a_child_after_fork_has_its_own_connection),
      TEST(processes_share_one_file),
      TEST(threads_share_one_store),
      TEST(a_locked_file_is_a_counted_miss),
      TEST(a_file_locked_by_all_means_is_not_usable_but_harmless),
      TEST(a_flipped_bit_of_a_value_is_a_miss_and_the_row_goes),
      TEST(exchanged_values_are_misses),
      TEST(wrong_column_types_are_misses),
      TEST(verify_counts_and_removes_bad_rows),
      TEST(only_the_database_may_be_deleted_under_two_stores),
      TEST(a_file_that_is_not_sqlite_is_set_aside),
      TEST(flipped_bytes_anywhere_are_survived),
      TEST(another_programs_database_is_left_alone),
      TEST(a_future_schema_is_left_alone),
      TEST(a_read_only_folder_is_read),
      TEST(a_folder_that_cannot_be_made_only_misses),
      TEST(a_file_that_others_may_write_is_not_trusted),
      TEST(least_recently_used_rows_are_evicted),
      TEST(a_value_over_half_the_limit_is_not_stored),
      TEST(a_size_beyond_all_measure_is_not_read),
      TEST(rows_are_listed_by_last_use),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
