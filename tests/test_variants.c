/* SPDX-License-Identifier: MIT */
/*
 * test_variants.c - the table behind a function's variants: what is published
 * is found by every thread from then on, whatever others do, and one thread
 * makes each entry.
 */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "../runtime/function/function.h"

enum { KEYS = 5000, THREADS = 4 };

static void drop_nothing(void *value) { (void)value; }

/* Key number i and the value that belongs to it. */
typedef struct numbered {
  uint64_t words[5];
  tmi_key key;
} numbered;

static void number(numbered *n, uint64_t i) {
  size_t used = 1 + i % 5;
  for (size_t k = 0; k < used; k++) n->words[k] = i >> (k * 3);
  n->key = (tmi_key){n->words, 5, used};
}

static void *value_of(uint64_t i) { return (void *)(uintptr_t)(i + 1); }

static void publish(tmi_table *table, uint64_t i) {
  numbered n;
  void *value;
  tmi_making *making;
  number(&n, i);
  assert_int_equal(tmi_table_claim(table, &n.key, true, &value, &making),
                   TMI_CLAIM_MAKE);
  tmi_table_publish(table, making, value_of(i));
}

static void *look_up(tmi_table *table, uint64_t i) {
  numbered n;
  number(&n, i);
  return tmi_table_find(table, &n.key);
}

static void what_is_published_is_found_however_large_the_table_grows(
    void **state) {
  (void)state;
  tmi_table table;
  tmi_table_init(&table);
  assert_null(look_up(&table, 0));
  for (uint64_t i = 0; i < KEYS; i++) {
    publish(&table, i);
    assert_ptr_equal(look_up(&table, i), value_of(i));
    assert_null(look_up(&table, i + 1));
  }
  for (uint64_t i = 0; i < KEYS; i++)
    assert_ptr_equal(look_up(&table, i), value_of(i));
  assert_int_equal(atomic_load(&table.n), KEYS);
  tmi_table_free(&table, drop_nothing);
}

/* A shorter key is another key, also when its words begin the longer. */
static void keys_of_other_lengths_are_other_keys(void **state) {
  (void)state;
  tmi_table table;
  tmi_table_init(&table);
  uint64_t words[4] = {7, 0, 0, 0};
  for (size_t n = 1; n <= 4; n++) {
    tmi_key key = {words, 4, n};
    void *value;
    tmi_making *making;
    assert_null(tmi_table_find(&table, &key));
    assert_int_equal(tmi_table_claim(&table, &key, true, &value, &making),
                     TMI_CLAIM_MAKE);
    tmi_table_publish(&table, making, value_of(n));
  }
  for (size_t n = 1; n <= 4; n++) {
    tmi_key key = {words, 4, n};
    assert_ptr_equal(tmi_table_find(&table, &key), value_of(n));
  }
  tmi_table_free(&table, drop_nothing);
}

typedef struct shared {
  tmi_table table;
  atomic_uint published; /* keys below it are there */
  atomic_uint wrong, makers, done;
} shared;

/* Everything below `published` is found, with its own value. */
static void *reader(void *payload) {
  shared *s = payload;
  uint64_t i = 0;
  while (!atomic_load(&s->done)) {
    unsigned n = atomic_load(&s->published);
    if (!n) continue;
    i = (i * 31 + 17) % n;
    if (look_up(&s->table, i) != value_of(i)) atomic_fetch_add(&s->wrong, 1);
    void *next = look_up(&s->table, n + 1);
    if (next && next != value_of(n + 1)) atomic_fetch_add(&s->wrong, 1);
  }
  return NULL;
}

static void readers_see_whole_entries_while_the_table_grows(void **state) {
  (void)state;
  shared s = {.published = 0};
  pthread_t threads[THREADS];
  tmi_table_init(&s.table);
  for (int t = 0; t < THREADS; t++)
    assert_int_equal(pthread_create(&threads[t], NULL, reader, &s), 0);
  for (uint64_t i = 0; i < KEYS; i++) {
    publish(&s.table, i);
    atomic_store(&s.published, (unsigned)i + 1);
  }
  atomic_store(&s.done, 1);
  for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
  assert_int_equal(s.wrong, 0);
  tmi_table_free(&s.table, drop_nothing);
}

/* Walks the same keys as every other thread; makes what it may. */
static void *maker(void *payload) {
  shared *s = payload;
  for (uint64_t i = 0; i < 200; i++) {
    numbered n;
    void *value = NULL;
    tmi_making *making;
    number(&n, i);
    tmi_claim claim =
        tmi_table_claim(&s->table, &n.key, true, &value, &making);
    if (claim == TMI_CLAIM_MAKE) {
      atomic_fetch_add(&s->makers, 1);
      usleep(50);
      tmi_table_publish(&s->table, making, value_of(i));
    } else if (claim != TMI_CLAIM_FOUND || value != value_of(i)) {
      atomic_fetch_add(&s->wrong, 1);
    }
  }
  return NULL;
}

static void each_entry_has_one_maker_however_many_ask(void **state) {
  (void)state;
  shared s = {.published = 0};
  pthread_t threads[THREADS];
  tmi_table_init(&s.table);
  for (int t = 0; t < THREADS; t++)
    assert_int_equal(pthread_create(&threads[t], NULL, maker, &s), 0);
  for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
  assert_int_equal(s.wrong, 0);
  assert_int_equal(s.makers, 200);
  tmi_table_free(&s.table, drop_nothing);
}

static void a_withdrawn_entry_is_the_next_ones_to_make(void **state) {
  (void)state;
  tmi_table table;
  tmi_table_init(&table);
  numbered n;
  void *value;
  tmi_making *first, *second;
  number(&n, 3);
  assert_int_equal(tmi_table_claim(&table, &n.key, true, &value, &first),
                   TMI_CLAIM_MAKE);
  assert_null(tmi_table_find(&table, &n.key));
  assert_int_equal(tmi_table_claim(&table, &n.key, false, &value, &second),
                   TMI_CLAIM_BUSY);
  tmi_table_withdraw(&table, first);
  assert_int_equal(tmi_table_claim(&table, &n.key, false, &value, &second),
                   TMI_CLAIM_MAKE);
  tmi_table_publish(&table, second, value_of(3));
  assert_int_equal(tmi_table_claim(&table, &n.key, false, &value, &second),
                   TMI_CLAIM_FOUND);
  assert_ptr_equal(value, value_of(3));
  tmi_table_free(&table, drop_nothing);
}

static bool count(void *payload, const tmi_entry *entry) {
  (void)entry;
  return ++*(int *)payload < 7;
}

static void a_walk_meets_every_entry_until_it_is_told_to_stop(void **state) {
  (void)state;
  tmi_table table;
  tmi_table_init(&table);
  int met = 0;
  for (uint64_t i = 0; i < 5; i++) publish(&table, i);
  tmi_table_each(&table, count, &met);
  assert_int_equal(met, 5);
  for (uint64_t i = 5; i < 20; i++) publish(&table, i);
  met = 0;
  tmi_table_each(&table, count, &met);
  assert_int_equal(met, 7);
  tmi_table_free(&table, drop_nothing);
}

/* The short way to a key and the long one, which compiles use, must agree for
 * every argument: else two threads would mean different variants. */
static void keys_made_without_descriptions_are_those_of_descriptions(
    void **state) {
  (void)state;
  tm_buffer buffer = {.offset = 8};
  const tm_arg args[] = {
      tm_arg_int(0), tm_arg_int(1), tm_arg_int(-1), tm_arg_int(16),
      tm_arg_int(INT32_MAX), tm_arg_int((int64_t)INT32_MAX + 1),
      tm_arg_int(INT64_MIN), tm_arg_bool(0), tm_arg_bool(1),
      tm_arg_float(1.0), tm_arg_float(0.5), tm_arg_none(),
      tm_arg_text("wide"), tm_arg_dtype(TM_DTYPE_F16),
      tm_arg_tensor(&buffer, 0, TM_DTYPE_F32),
      tm_arg_tensor(&buffer, 8, TM_DTYPE_F8E5M2), tm_arg_make(TM_GIVE_NOTHING),
      {.tag = TM_GIVE_INT, .dtype = TM_DTYPE_I64, .u.i = 1},
      {.tag = TM_GIVE_INT, .dtype = TM_DTYPE_F32, .u.i = 32}};
  size_t compared = 0;
  for (unsigned bits = 0; bits < 16; bits++) {
    tmi_param p = {.name = "x", .is_constexpr = bits & 1,
                   .by_type_only = bits & 2, .by_alignment = bits & 4,
                   .annotated = bits & 8 ? TM_DTYPE_I64 : TM_DTYPE_NONE};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
      uint64_t a[16], b[16];
      tmi_key by_key = {a, 16, 0}, by_spec = {b, 16, 0};
      const tm_arg *arg = &args[i];
      tm_param_spec spec;
      bool fits = false;
      tm_status status =
          tmi_specialize("k", NULL, &p, arg, &spec, NULL);
      assert_int_equal(
          tmi_key_put_plain(&by_key, "k", &p, 1, &arg, &fits, NULL), status);
      if (status) continue; /* a buffer for a constexpr */
      assert_true(fits);
      assert_true(tmi_key_put_spec(&by_spec, &spec));
      assert_int_equal(by_key.used, by_spec.used);
      assert_memory_equal(a, b, by_key.used * sizeof *a);
      compared++;
    }
  }
  assert_int_equal(compared, 16 * 19 - 8 * 2);
}

static void a_key_that_does_not_fit_says_so(void **state) {
  (void)state;
  uint64_t words[3];
  tmi_param p[2] = {{.name = "x", .by_alignment = true},
                    {.name = "B", .is_constexpr = true}};
  const tm_arg x = tm_arg_int(64), block = tm_arg_int(128),
               text = tm_arg_text("12345678 and more");
  const tm_arg *args[2] = {&x, &block};
  bool fits;
  tmi_key key = {words, 3, 0};
  assert_int_equal(tmi_key_put_plain(&key, "k", p, 2, args, &fits, NULL), 0);
  assert_true(fits);
  key = (tmi_key){words, 2, 0};
  assert_int_equal(tmi_key_put_plain(&key, "k", p, 2, args, &fits, NULL), 0);
  assert_false(fits);
  args[1] = &text;
  key = (tmi_key){words, 3, 0};
  assert_int_equal(tmi_key_put_plain(&key, "k", p, 2, args, &fits, NULL), 0);
  assert_false(fits);
}

int main(void) {
#define TEST(name) cmocka_unit_test(name)
  const struct CMUnitTest tests[] = {
      TEST(what_is_published_is_found_however_large_the_table_grows),
      TEST(keys_of_other_lengths_are_other_keys),
      TEST(readers_see_whole_entries_while_the_table_grows),
      TEST(each_entry_has_one_maker_however_many_ask),
      TEST(a_withdrawn_entry_is_the_next_ones_to_make),
      TEST(keys_made_without_descriptions_are_those_of_descriptions),
      TEST(a_key_that_does_not_fit_says_so),
      TEST(a_walk_meets_every_entry_until_it_is_told_to_stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
