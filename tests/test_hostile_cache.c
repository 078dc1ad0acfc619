/* SPDX-License-Identifier: MIT */
/*
 * test_hostile_cache.c - a cache's file that somebody damaged, or made, with
 * care: nothing of it corrupts memory.
 *
 *   readers   bytes made from good rows of kernels and of tuning, given to
 *             the readers directly: what is accepted is what the writer
 *             would have written, byte for byte
 *   files     a good kernels.db with bytes of its pages, its log, its
 *             columns, or values under right checksums changed; everything
 *             that reads it is called, and a pack of it is imported
 *
 * Whether memory was corrupted the sanitizer says: `make fuzz-cache` is this
 * program under it, with new files for FUZZ_SECONDS. Each file is made from a
 * number; the last one's is in the file `round` of the folder that is named
 * when it begins, and FUZZ_ROUND=number makes that file again.
 */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include "../cache/cache.h"
#include "../runtime/function/function.h"
#include "../runtime/kernel_row.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { READER_ROUNDS = 100000, FILE_ROUNDS = 250, KERNELS = 4, N = 128 };

static char folder[64];
static tm_error *error;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, y, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(y + i, tl.load(x + i, i < n) * 2, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def product(x, y, n, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, 16)[:, None] * 16 + tl.arange(0, 16)[None, :]\n"
    "    a = tl.load(x + i)\n"
    "    tl.store(y + i, tl.dot(a, a) + n)\n"
    "\n\n"
    "@triton.jit\n"
    "def say(x, y, n, BLOCK: tl.constexpr):\n"
    "    v = tl.load(x + tl.arange(0, BLOCK))\n"
    "    tl.device_print(\"v\", v)\n"
    "    tl.device_assert(v > n, \"small\")\n"
    "    tl.store(y + tl.arange(0, BLOCK), v)\n"
    "\n\n"
    "@triton.jit\n"
    "def follow(x, y, n, BLOCK: tl.constexpr):\n"
    "    p = tl.load(x.to(tl.pointer_type(tl.pointer_type(tl.float32))))\n"
    "    tl.store(y, tl.load(p) + n)\n"
    "\n\n"
    "@triton.autotune([triton.Config({'BLOCK': 32}),\n"
    "                  triton.Config({'BLOCK': 64})], key=['n'])\n"
    "@triton.jit\n"
    "def tuned(x, y, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(y + i, tl.load(x + i, i < n) * 2, i < n)\n";
static const char *const names[KERNELS] = {"scale", "product", "say",
                                           "follow"};
static const char signature[] = "*fp32, *fp32, i32, 32";

/* ---- numbers at random -------------------------------------------------- */

static uint64_t random_state;

static uint32_t any(uint32_t below) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((random_state >> 33) % below);
}

/* Changes bytes in one of the ways that readers are wrong about: bits,
 * numbers at their limits, pieces moved, the end cut or grown. Returns the
 * size, at most `most`. */
static size_t damage(unsigned char *bytes, size_t size, size_t most) {
  static const uint32_t words[] = {0, 1, 2, 0xff, 0x7fffffff, 0x80000000,
                                   0xffffffff, 0xfffffffc, 1025, 65537};
  uint32_t word;
  size_t at = size ? any((uint32_t)size) : 0, from, n;
  if (!size) return 0;
  switch (any(6)) {
    case 0:
      bytes[at] ^= (unsigned char)(1u << any(8));
      return size;
    case 1:
      bytes[at] = (unsigned char)any(256);
      return size;
    case 2: /* most of a row's numbers lie at multiples of four */
      word = words[any(sizeof words / sizeof *words)];
      at = any(2) ? at & ~(size_t)3 : at;
      if (at + 4 <= size) memcpy(bytes + at, &word, 4);
      return size;
    case 3:
      return at;
    case 4:
      from = any((uint32_t)size);
      n = any(64);
      if (at + n <= size && from + n <= size)
        memmove(bytes + at, bytes + from, n);
      return size;
    default:
      n = any(32);
      if (size + n > most) return size;
      memset(bytes + size, (int)any(256), n);
      return size + n;
  }
}

/* ---- readers ------------------------------------------------------------ */

/* An arena for one input, on memory that is exactly as long as it is. */
static void read_kernel_row(const unsigned char *bytes, size_t size,
                            unsigned *accepted) {
  unsigned char *exact = malloc(size ? size : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, size);
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 64 << 20);
  if (tm_arena_guard(&arena, guard)) {
    tm_program read;
    if (tm_program_read(&arena, exact, size, &read)) {
      tm_buf again = tm_buf_in(&arena);
      assert_true(tm_program_is_sound(&read));
      tm_program_write(&read, &again);
      assert_int_equal(again.len, size);
      assert_memory_equal(again.data, exact, size);
      ++*accepted;
    }
  }
  tm_arena_free(&arena);
  free(exact);
}

typedef struct bytes_of_row {
  unsigned char bytes[1 << 16];
  size_t size;
} bytes_of_row;

/* A kernel's row with arguments of all kinds, a print and an assertion. */
static void make_kernel_row(bytes_of_row *out) {
  static const tm_msl_arg args[] = {
      {"x", TM_ARG_BUFFER, TM_F32, 0, 0, true, true},
      {"p", TM_ARG_ADDRESS, TM_F32, 0, 0, true, false},
      {"n", TM_ARG_SCALAR, TM_I32, 0, 8, false, false},
      {"s", TM_ARG_SCALAR, TM_F16, 0, 12, false, false}};
  tm_msl_site sites[2];
  memset(sites, 0, sizeof sites);
  sites[0] = (tm_msl_site){.text = "v", .n_operands = 1, .scalar = TM_F32,
                           .rank = 2, .shape = {4, 8}, .file = "ops.py",
                           .line = 7};
  sites[1] = (tm_msl_site){.is_assert = true, .text = "small",
                           .file = "ops.py", .line = 9, .scalar = TM_I1};
  tm_program program = {.msl = "kernel void k() {}", .msl_size = 18,
                        .entry = "k", .args = args, .n_args = 4,
                        .scalars_slot = 1, .scalars_size = 16,
                        .uses_log = true, .uses_addresses = true,
                        .log_slot = 2, .sites = sites, .n_sites = 2,
                        .threads = 128, .threadgroup_bytes = 512,
                        .language_version = 3 << 16, .family = 7,
                        .num_warps = 4, .num_stages = 3};
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail();
  tm_buf row = tm_buf_in(&arena);
  assert_true(tm_program_is_sound(&program));
  tm_program_write(&program, &row);
  memcpy(out->bytes, row.data, row.len);
  out->size = row.len;
  tm_arena_free(&arena);
}

static void kernel_rows_are_refused_or_as_written(void **state) {
  (void)state;
  static bytes_of_row good, bad;
  make_kernel_row(&good);
  unsigned accepted = 0;
  read_kernel_row(good.bytes, good.size, &accepted);
  assert_int_equal(accepted, 1);
  random_state = 1;
  for (int i = 0; i < READER_ROUNDS; i++) {
    bad.size = good.size;
    memcpy(bad.bytes, good.bytes, good.size);
    for (uint32_t n = 1 + any(4); n; n--)
      bad.size = damage(bad.bytes, bad.size, sizeof bad.bytes);
    read_kernel_row(bad.bytes, bad.size, &accepted);
  }
  for (int i = 0; i < READER_ROUNDS; i++) { /* of nothing but its beginning */
    bad.size = any(200);
    for (size_t b = 0; b < bad.size; b++)
      bad.bytes[b] = (unsigned char)(any(3) ? 0 : any(256));
    memcpy(bad.bytes, good.bytes, bad.size < 40 ? bad.size : 40);
    read_kernel_row(bad.bytes, bad.size, &accepted);
  }
  print_message("%d of %d rows of kernels were sound\n", accepted,
                2 * READER_ROUNDS);
  /* A letter of the text, a line's number: some changes make another good
   * row, most do not. */
  assert_in_range(accepted, 100, READER_ROUNDS);
}

enum { CONFIGS = 4 };

static tmi_record *new_record(void) {
  tmi_record *r = calloc(1, sizeof *r + CONFIGS * sizeof r->rows[0]);
  assert_non_null(r);
  r->n = CONFIGS;
  return r;
}

static void free_record(tmi_record *r) {
  for (uint32_t i = 0; i < r->n; i++) free(r->rows[i].failure);
  free(r);
}

static bool read_tuning_row(const unsigned char *bytes, size_t size,
                            const bool *is_candidate) {
  unsigned char *exact = malloc(size ? size : 1);
  tmi_record *record = new_record();
  assert_non_null(exact);
  memcpy(exact, bytes, size);
  bool good = tmi_tuning_read(exact, size, is_candidate, record);
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail();
  if (good) {
    bool any_time = false;
    tm_buf again = tm_buf_in(&arena);
    tmi_tuning_write(record, &again);
    assert_int_equal(again.len, size);
    assert_memory_equal(again.data, exact, size);
    for (int i = 0; i < CONFIGS; i++) {
      assert_true(record->rows[i].seconds >= 0);
      any_time |= record->rows[i].seconds > 0 && is_candidate[i];
    }
    assert_true(any_time);
  } else { /* nothing of it was taken */
    for (int i = 0; i < CONFIGS; i++) assert_null(record->rows[i].failure);
  }
  tm_arena_free(&arena);
  free_record(record);
  free(exact);
  return good;
}

static void tuning_rows_are_refused_or_as_written(void **state) {
  (void)state;
  static bytes_of_row good, bad;
  static const bool is_candidate[CONFIGS] = {true, true, false, true};
  tmi_record *record = new_record();
  tm_arena arena;
  jmp_buf guard;
  unsigned accepted = 0;
  record->rows[0] = (tmi_row){1e-5, 2e-5, NULL};
  record->rows[1] = (tmi_row){0, 3e-5, strdup("too many threads")};
  record->rows[2] = (tmi_row){0, 0, strdup("pruned")};
  record->rows[3] = (tmi_row){3e-5, 1e-5, NULL};
  tm_arena_init(&arena, 0);
  if (!tm_arena_guard(&arena, guard)) fail();
  tm_buf row = tm_buf_in(&arena);
  tmi_tuning_write(record, &row);
  memcpy(good.bytes, row.data, good.size = row.len);
  tm_arena_free(&arena);
  free_record(record);
  assert_true(read_tuning_row(good.bytes, good.size, is_candidate));
  random_state = 2;
  for (int i = 0; i < READER_ROUNDS; i++) {
    bad.size = good.size;
    memcpy(bad.bytes, good.bytes, good.size);
    for (uint32_t n = 1 + any(4); n; n--)
      bad.size = damage(bad.bytes, bad.size, sizeof bad.bytes);
    accepted += read_tuning_row(bad.bytes, bad.size, is_candidate);
  }
  print_message("%d of %d rows of tuning were sound\n", accepted,
                READER_ROUNDS);
  assert_in_range(accepted, 100, READER_ROUNDS * 9 / 10);
}

/* ---- a good file -------------------------------------------------------- */

typedef struct content {
  unsigned char *bytes;
  size_t size, room;
} content;

static content good_file, file;
static char *expected[KERNELS]; /* MSL of a compile without a cache */
static tm_module *module;

static const char *in_folder(const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const void *bytes, size_t size) {
  FILE *f = fopen(in_folder(name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(chmod(in_folder(name), 0600), 0);
}

static content read_file(const char *name) {
  FILE *f = fopen(in_folder(name), "rb");
  content c = {malloc(1 << 20), 0, 1 << 20};
  assert_true(f && c.bytes);
  c.size = fread(c.bytes, 1, c.room, f);
  assert_in_range(c.size, 1, c.room / 2);
  fclose(f);
  return c;
}

static tm_context *open_context(void) {
  tm_context *c;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = folder;
  o.chip = "m1";
  OK(tm_context_create(&c, &o, &error));
  return c;
}

static tm_kernel *compile(tm_context *c, int which, tm_switch cache) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  o.cache = cache;
  OK(tm_compile(&k, c, module, names[which], &o, &error));
  return k;
}

/* Launches what has configurations: it tunes, or finds the row. */
static void launch_tuned(tm_context *c) {
  tm_function *f;
  tm_stream *s;
  tm_buffer *x, *y;
  OK(tm_function_create(&f, c, module, "tuned", NULL, &error));
  OK(tm_stream_create(&s, c, NULL, &error));
  OK(tm_buffer_create(&x, c, N * sizeof(float), NULL, &error));
  OK(tm_buffer_create(&y, c, N * sizeof(float), NULL, &error));
  for (int i = 0; i < N; i++) ((float *)tm_buffer_contents(x))[i] = (float)i;
  tm_arg args[3] = {tm_arg_tensor(x, 0, TM_DTYPE_F32),
                    tm_arg_tensor(y, 0, TM_DTYPE_F32), tm_arg_int(N)};
  OK(tm_function_launch(s, f, tm_grid_1d(N / 32), args, 3, NULL, &error));
  OK(tm_stream_synchronize(s, TM_WAIT_FOREVER, &error));
  for (int i = 0; i < N; i++)
    assert_true(((float *)tm_buffer_contents(y))[i] == 2.0f * (float)i);
  tm_buffer_destroy(x);
  tm_buffer_destroy(y);
  tm_stream_destroy(s);
  tm_function_destroy(f);
}

static void make_good_file(void) {
  OK(tm_module_parse(&module, "ops", "ops.py", source, strlen(source), NULL,
                     &error));
  tm_context *c = open_context();
  for (int i = 0; i < KERNELS; i++) {
    tm_kernel *k = compile(c, i, TM_SWITCH_OFF);
    expected[i] = strdup(tm_kernel_text(k, TM_STAGE_MSL));
    tm_kernel_destroy(k);
    tm_kernel_destroy(compile(c, i, TM_SWITCH_ON));
  }
  launch_tuned(c);
  tm_context_destroy(c); /* the log is written back */
  good_file = read_file("kernels.db");
  file.room = good_file.room;
  file.bytes = malloc(file.room);
  assert_non_null(file.bytes);
}

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-hostile-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  print_message("files are made in %s\n", folder);
  make_good_file();
  return 0;
}

static int end(void **state) {
  (void)state;
  char command[128];
  for (int i = 0; i < KERNELS; i++) free(expected[i]);
  free(good_file.bytes);
  free(file.bytes);
  tm_module_destroy(module);
  tm_error_destroy(error);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

/* ---- bad files ---------------------------------------------------------- */

/* Bytes anywhere, half of the time in the first page, which says how the
 * others are read. */
static void damage_pages(void) {
  for (uint32_t n = 1 + any(8); n; n--) {
    size_t part = any(2) && file.size > 4096 ? 4096 : file.size;
    size_t size = damage(file.bytes, part, part);
    if (part == file.size) file.size = size;
  }
}

typedef struct rows {
  struct {
    char kind[16], label[64];
    unsigned char *key, *value;
    size_t key_size, value_size;
  } at[16];
  int n;
} rows;

static void take_rows(rows *all) {
  sqlite3 *db;
  sqlite3_stmt *row;
  all->n = 0;
  assert_int_equal(sqlite3_open(in_folder("kernels.db"), &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT kind,label,key,value FROM "
                                      "row ORDER BY id", -1, &row, NULL),
                   SQLITE_OK);
  while (all->n < 16 && sqlite3_step(row) == SQLITE_ROW) {
    int i = all->n++;
    snprintf(all->at[i].kind, sizeof all->at[i].kind, "%s",
             (const char *)sqlite3_column_text(row, 0));
    snprintf(all->at[i].label, sizeof all->at[i].label, "%s",
             (const char *)sqlite3_column_text(row, 1));
    all->at[i].key_size = (size_t)sqlite3_column_bytes(row, 2);
    all->at[i].value_size = (size_t)sqlite3_column_bytes(row, 3);
    all->at[i].key = malloc(all->at[i].key_size + 1);
    all->at[i].value = malloc(all->at[i].value_size + 64);
    assert_true(all->at[i].key && all->at[i].value);
    memcpy(all->at[i].key, sqlite3_column_blob(row, 2), all->at[i].key_size);
    memcpy(all->at[i].value, sqlite3_column_blob(row, 3),
           all->at[i].value_size);
  }
  sqlite3_finalize(row);
  sqlite3_close(db);
}

/* Values of a kind that the store's checksums vouch for. */
static void damage_values(const char *kind) {
  static rows all;
  take_rows(&all);
  tm_store *store = tm_store_open(in_folder("kernels.db"), 0);
  for (int i = 0; i < all.n; i++) {
    /* Sometimes another row's value, of the same kind or not. */
    int from = any(8) ? i : (int)any((uint32_t)all.n);
    size_t size = all.at[from].value_size;
    if (strcmp(all.at[i].kind, kind) != 0) continue;
    for (uint32_t n = any(4); n; n--) /* mostly where the numbers are */
      if (any(2) && size > 48)
        damage(all.at[from].value, 48, 48);
      else
        size = damage(all.at[from].value, size,
                      all.at[from].value_size + 64);
    tm_store_put(store, all.at[i].kind, all.at[i].key, all.at[i].key_size,
                 all.at[from].value, size, all.at[i].label);
    all.at[from].value_size = size;
  }
  tm_store_close(store);
  for (int i = 0; i < all.n; i++) {
    free(all.at[i].key);
    free(all.at[i].value);
  }
}

/* What SQL can do to the columns. */
static void damage_columns(void) {
  static const char *const changes[] = {
      "UPDATE row SET size=-9223372036854775808",
      "UPDATE row SET size='many', used='never', uses=1e300",
      "UPDATE row SET size=9223372036854775807, used=9223372036854775807",
      "UPDATE row SET kind=x'00ff00', label=zeroblob(70000)",
      "UPDATE row SET label=char(27)||'[2J'||char(0)||'x'",
      "UPDATE row SET kind='', label=''",
      "UPDATE row SET key=zeroblob(1000000)",
      "UPDATE row SET value=CAST(value AS TEXT)",
      "UPDATE row SET value=12, sum_high=1.5, sum_low=x'01'",
      "UPDATE row SET id=id+1",
      "UPDATE OR IGNORE row SET id=9223372036854775807-rowid%3",
      "UPDATE OR IGNORE row SET id=-9223372036854775808+rowid%3",
      "UPDATE row SET high=high+1",
      "UPDATE row SET used=-1, created=-9223372036854775808",
      "CREATE TABLE more(x); INSERT INTO more VALUES(1)",
      "CREATE INDEX i ON row(hex(value))",
      "CREATE TRIGGER t BEFORE DELETE ON row BEGIN SELECT raise(ABORT,'');END",
      "PRAGMA application_id=7", "PRAGMA user_version=0",
      "PRAGMA user_version=-1",
      "DROP TABLE row", "ALTER TABLE row RENAME COLUMN high TO low",
      "DROP TABLE row; CREATE VIEW row AS SELECT 1 AS id",
      "DROP TABLE row; CREATE TABLE row(id,high,size,uses,created,used,"
      "sum_high,sum_low,kind,label,key,value)",
      "PRAGMA page_size=512; VACUUM", "PRAGMA encoding='UTF-16'; VACUUM",
      "PRAGMA journal_mode=DELETE", "PRAGMA auto_vacuum=1; VACUUM"};
  sqlite3 *db;
  assert_int_equal(sqlite3_open(in_folder("kernels.db"), &db), SQLITE_OK);
  for (uint32_t n = 1 + any(2); n; n--)
    sqlite3_exec(db, changes[any(sizeof changes / sizeof *changes)], NULL,
                 NULL, NULL);
  sqlite3_close(db);
}

/* A log beside the file: of a write that was cut off, and damaged. */
static void damage_log(void) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(in_folder("kernels.db"), &db), SQLITE_OK);
  sqlite3_exec(db, "PRAGMA wal_autocheckpoint=0;"
                   "UPDATE row SET used=used+1, label=label||'x'",
               NULL, NULL, NULL);
  content log = read_file("kernels.db-wal");
  sqlite3_close(db);
  for (uint32_t n = any(6); n; n--)
    log.size = damage(log.bytes, log.size, log.room);
  write_file("kernels.db", file.bytes, file.size);
  write_file("kernels.db-wal", log.bytes, log.size);
  free(log.bytes);
}

typedef enum way { PAGES, KERNEL_VALUES, TUNING_VALUES, COLUMNS, LOG, WAYS } way;

static way make_bad_file(uint64_t round) {
  char command[160];
  snprintf(command, sizeof command, "%llu\n", (unsigned long long)round);
  write_file("round", command, strlen(command));
  static const char *const left[] = {"kernels.db-wal", "kernels.db-shm",
                                     "kernels.db-claim", "kernels.pack"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++)
    unlink(in_folder(left[i]));
  for (int i = 1; i <= 9; i++) {
    snprintf(command, sizeof command, "kernels.db.corrupt-%d", i);
    unlink(in_folder(command));
  }
  random_state = round * 0x9e3779b97f4a7c15u;
  way how = (way)any(WAYS);
  memcpy(file.bytes, good_file.bytes, good_file.size);
  file.size = good_file.size;
  if (how == PAGES) damage_pages();
  write_file("kernels.db", file.bytes, file.size);
  if (how == KERNEL_VALUES) damage_values("kernel");
  if (how == TUNING_VALUES) damage_values("tuning");
  if (how == COLUMNS) damage_columns();
  if (how == LOG) damage_log();
  return how;
}

/* ---- everything that reads one ------------------------------------------ */

static int look_at_row(void *payload, const tm_cache_entry *row) {
  size_t *total = payload;
  *total += strlen(row->kind) + strlen(row->label) + strlen(row->hash);
  return *total < 1 << 20;
}

static void fine_or(tm_status status, tm_status allowed, const char *what) {
  if (status && status != allowed)
    fail_msg("%s: %s", what, tm_error_text(error));
  tm_error_destroy(error);
  error = NULL;
}

/* A kernel of the file, or anew. What was under a right checksum may be
 * another text; else it is the text of a compile without a cache. */
static void use_kernel(tm_context *c, int which, way how) {
  tm_kernel *k = compile(c, which, TM_SWITCH_ON);
  const tm_kernel_facts *facts = tm_kernel_info(k);
  const char *msl = tm_kernel_text(k, TM_STAGE_MSL);
  assert_non_null(msl);
  if (how != KERNEL_VALUES) assert_string_equal(msl, expected[which]);
  assert_true(strlen(msl) > 0);
  assert_in_range(facts->threads, 32, 1024);
  assert_in_range(facts->threadgroup_bytes, 0, 32768);
  if (any(8) == 0 && how == KERNEL_VALUES) {
    tm_status status = tm_kernel_load(k, &error);
    if (status == TM_E_LIMIT || status == TM_E_UNSUPPORTED)
      status = TM_E_METAL_COMPILE;
    fine_or(status, TM_E_METAL_COMPILE, "load");
  }
  tm_kernel_destroy(k);
}

static void use_file(way how) {
  uint64_t good, bad, n;
  size_t total = 0;
  tm_cache_facts facts = {.struct_size = sizeof facts};
  tm_context *c = open_context();
  OK(tm_cache_stats(c, &facts, &error));
  assert_true(memchr(facts.trouble, 0, sizeof facts.trouble) != NULL);
  fine_or(tm_cache_list(c, look_at_row, &total, &error), TM_E_IO, "list");
  fine_or(tm_cache_export(c, in_folder("kernels.pack"), &n, &error), TM_E_IO,
          "export");
  for (int i = 0; i < KERNELS; i++) use_kernel(c, i, how);
  /* What runs on a device is trusted: not a kernel that somebody wrote. */
  if (how == TUNING_VALUES || (how != KERNEL_VALUES && any(8) == 0))
    launch_tuned(c);
  fine_or(tm_cache_prune(c, 1, &n, &error), TM_E_IO, "prune");
  fine_or(tm_cache_verify(c, &good, &bad, &error), TM_E_IO, "verify");
  tm_context_destroy(c);
}

/* The same file as a pack, which strangers send. */
static void import_file(void) {
  tm_context *c;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  uint64_t n;
  char other[96];
  snprintf(other, sizeof other, "%s/other", folder);
  o.cache_dir = other;
  OK(tm_context_create(&c, &o, &error));
  fine_or(tm_cache_import(c, in_folder("kernels.db"), &n, &error), TM_E_IO,
          "import");
  tm_kernel_destroy(compile(c, 0, TM_SWITCH_ON));
  fine_or(tm_cache_clear(c, &error), TM_E_IO, "clear");
  tm_context_destroy(c);
}

static void run_round(uint64_t round) {
  way how = make_bad_file(round);
  if (any(3) == 0)
    import_file();
  else
    use_file(how);
  /* A connection that could not be closed would stay, its file open. */
  if (sqlite3_memory_used() != 0)
    fail_msg("round %llu: SQLite has %lld bytes left",
             (unsigned long long)round, (long long)sqlite3_memory_used());
}

static void hostile_files_are_misses(void **state) {
  (void)state;
  const char *seconds = getenv("FUZZ_SECONDS"), *one = getenv("FUZZ_ROUND");
  if (one) {
    run_round(strtoull(one, NULL, 10));
    return;
  }
  time_t start = time(NULL);
  uint64_t round = seconds ? (uint64_t)start << 20 : 0, n = 0;
  for (;; n++) {
    if (seconds ? time(NULL) - start >= atol(seconds) : n >= FILE_ROUNDS)
      break;
    run_round(round + n);
  }
  print_message("%llu files\n", (unsigned long long)n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernel_rows_are_refused_or_as_written),
      cmocka_unit_test(tuning_rows_are_refused_or_as_written),
      cmocka_unit_test(hostile_files_are_misses),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
