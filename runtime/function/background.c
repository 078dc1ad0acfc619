/* SPDX-License-Identifier: MIT */
/*
 * background.c - launches that do not wait for the variant that they want.
 *
 *     wanted    x: multiple of 16, n: multiple of 16      is not there
 *     stand-in  x: anything,       n: multiple of 16      is there: launched
 *
 * A variant that was promised less is right wherever one that was promised
 * more is: it is compiled from the same types and values, and only does not
 * use what it does not know. So while the wanted one is compiled and loaded on
 * a thread of the function's own, the best such stand-in is launched. When
 * there is none, the one without any promise is compiled at once: it then
 * stands in for all that come.
 *
 * Keys tell which is which without descriptions: where the wanted key and
 * that of no promises differ is where the promises are, and a stand-in's key
 * differs from the wanted one's only there.
 *
 * A compile that fails here is remembered, and done again by the next launch
 * that wants it, which reports why.
 */
#include "function.h"

#include <stdlib.h>
#include <string.h>

/* A variant to be made. */
typedef struct job {
  struct job *next;
  tmi_making *making;
  tm_arena arena;        /* of specs */
  tm_param_spec *specs;
  uint32_t num_warps, num_stages;
  bool is_plain;
} job;

struct tmi_background {
  pthread_mutex_t lock;  /* over the rest */
  pthread_cond_t changed;
  pthread_t thread;
  bool is_running, stops;
  job *first, **end;
};

/* ---- descriptions that outlive a call ------------------------------------ */

/* A copy in the arena; keeps: with its promises. */
static tm_param_spec copy_spec(tm_arena *arena, const tm_param_spec *from,
                               bool keeps) {
  tm_param_spec to = *from;
  if (!keeps) to.divisibility = 0;
  if (from->form == TM_FORM_CONSTANT) {
    to.value = tmi_arg_copy(arena, &from->value);
  } else if (from->form == TM_FORM_DESCRIPTOR) {
    tm_descriptor *d = TM_NEW(arena, tm_descriptor);
    *d = *from->value.u.descriptor;
    to.value.u.descriptor = d;
  } else if (from->form == TM_FORM_TUPLE) {
    size_t n = (size_t)from->value.offset;
    tm_named_spec *items = TM_NEW_ARRAY(arena, tm_named_spec, n + 1);
    for (size_t i = 0; i < n; i++) {
      const tm_named_spec *item = &from->value.u.specs[i];
      if (item->name)
        items[i].name = tm_strndup(arena, item->name, strlen(item->name));
      items[i].spec = copy_spec(arena, &item->spec, keeps);
    }
    to.value.u.specs = items;
  }
  return to;
}

/* Copies of all; NULL without memory. */
static tm_param_spec *copy_specs(tm_arena *arena, const tm_param_spec *from,
                                 uint32_t n, bool keeps) {
  jmp_buf guard;
  tm_param_spec *volatile specs = NULL;
  if (tm_arena_guard(arena, guard)) {
    tm_param_spec *made = TM_NEW_ARRAY(arena, tm_param_spec, n + 1);
    for (uint32_t i = 0; i < n; i++)
      made[i] = copy_spec(arena, &from[i], keeps);
    specs = made;
  }
  arena->guard = NULL;
  return specs;
}

/* ---- stand-ins ----------------------------------------------------------- */

typedef struct search {
  const tmi_key *wanted, *bare;
  tmi_variant *found;
  int promises; /* of found */
} search;

static int bits_in(uint64_t x) {
  int n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

/* Keeps the stand-in with the most promises. */
static bool look_at(void *payload, const tmi_entry *entry) {
  search *s = payload;
  if (entry->n_words != s->wanted->used) return true;
  int promises = 0;
  for (size_t i = 0; i < entry->n_words; i++) {
    uint64_t wanted = s->wanted->words[i];
    uint64_t may_lack = wanted ^ s->bare->words[i];
    if ((entry->key[i] ^ wanted) & ~may_lack) return true;
    promises += bits_in(entry->key[i] & may_lack);
  }
  if (!s->found || promises > s->promises) {
    s->found = entry->value;
    s->promises = promises;
  }
  return true;
}

static tmi_variant *stand_in(tm_function *f, const tmi_key *wanted,
                             const tmi_key *bare) {
  search s = {.wanted = wanted, .bare = bare};
  tmi_table_each(&f->variants, look_at, &s);
  return s.found;
}

/* ---- the thread ---------------------------------------------------------- */

static void free_job(job *j) {
  tm_arena_free(&j->arena);
  free(j);
}

/* So that the next launch does it, and says why. */
static void note_failure(tm_function *f, const tmi_entry *entry) {
  tmi_key key = {(uint64_t *)(uintptr_t)entry->key, entry->n_words,
                 entry->n_words};
  void *value;
  tmi_making *making;
  if (tmi_table_claim(&f->failed, &key, true, &value, &making) ==
      TMI_CLAIM_MAKE)
    tmi_table_publish(&f->failed, making, f);
}

static void make(tm_function *f, job *j) {
  tmi_variant *v = NULL;
  tmi_log(f->context, 1, "%s: a variant is compiled in the background",
          f->name);
  tm_status status = tmi_variant_compile(f, j->specs, j->num_warps,
                                         j->num_stages, j->is_plain, &v, NULL);
  if (!status && (status = tmi_kernel_load(v->kernel, NULL)))
    tmi_variant_free(v);
  if (status) {
    note_failure(f, j->making->entry);
    tmi_table_withdraw(&f->variants, j->making);
  } else {
    tmi_table_publish(&f->variants, j->making, v);
  }
  free_job(j);
  tmi_log(f->context, 1, "%s: %s", f->name,
          status ? "it failed; the next launch that wants it tells why"
                 : "it is launched from now on");
}

static void *work(void *payload) {
  tm_function *f = payload;
  struct tmi_background *b = f->background;
  pthread_mutex_lock(&b->lock);
  for (;;) {
    while (!b->first && !b->stops) pthread_cond_wait(&b->changed, &b->lock);
    if (b->stops) break;
    job *j = b->first;
    b->first = j->next;
    if (!b->first) b->end = &b->first;
    pthread_mutex_unlock(&b->lock);
    make(f, j);
    pthread_mutex_lock(&b->lock);
  }
  pthread_mutex_unlock(&b->lock);
  return NULL;
}

/* Gives the job to the thread, which is started when it is the first; false:
 * there is no thread to be had. */
static bool enqueue(tm_function *f, job *j) {
  struct tmi_background *b = f->background;
  pthread_mutex_lock(&b->lock);
  if (!b->is_running)
    b->is_running = pthread_create(&b->thread, NULL, work, f) == 0;
  bool ok = b->is_running;
  if (ok) {
    *b->end = j;
    b->end = &j->next;
    pthread_cond_signal(&b->changed);
  }
  pthread_mutex_unlock(&b->lock);
  return ok;
}

/* Has the wanted variant made, unless somebody does. What fails here is tried
 * again by the next launch. */
static void request(tm_function *f, const tmi_choice *c,
                    const tm_param_spec *specs) {
  void *found;
  tmi_making *making;
  if (tmi_table_claim(&f->variants, &c->key, false, &found, &making) !=
      TMI_CLAIM_MAKE)
    return;
  job *j = calloc(1, sizeof *j);
  if (j) {
    tm_arena_init(&j->arena, 0);
    j->making = making;
    j->specs = copy_specs(&j->arena, specs, f->n_params, true);
    j->num_warps = c->num_warps;
    j->num_stages = c->num_stages;
    j->is_plain = c->is_plain;
    if (j->specs && enqueue(f, j)) return;
    free_job(j);
  }
  tmi_table_withdraw(&f->variants, making);
}

/* ---- a launch ------------------------------------------------------------ */

/* The variant without promises, compiled now. */
static tm_status make_bare(tm_function *f, const tmi_choice *c,
                           const tmi_key *bare, const tm_param_spec *specs,
                           tmi_variant **variant) {
  void *found = NULL;
  tmi_making *making;
  switch (tmi_table_claim(&f->variants, bare, true, &found, &making)) {
    case TMI_CLAIM_FOUND: *variant = found; return TM_OK;
    case TMI_CLAIM_MAKE: break;
    default: return TM_E_MEMORY;
  }
  tm_status status =
      tmi_variant_compile(f, specs, c->num_warps, c->num_stages, c->is_plain,
                          variant, NULL);
  if (status)
    tmi_table_withdraw(&f->variants, making);
  else
    tmi_table_publish(&f->variants, making, *variant);
  return status;
}

tm_status tmi_variant_meanwhile(tm_function *f, tmi_choice *c,
                                tmi_variant **variant, tm_error **error) {
  tm_param_spec *specs;
  tm_arena arena;
  uint64_t words[TMI_KEY_WORDS];
  tmi_key bare = {words, TMI_KEY_WORDS, 0};
  *variant = tmi_table_find(&f->variants, &c->key);
  if (*variant) return TM_OK;
  if (tmi_table_find(&f->failed, &c->key))
    return tmi_variant_of(f, c, variant, error);
  tm_status status = tmi_choice_specs(f, c, &specs, error);
  if (status) return status;
  tm_arena_init(&arena, 0);
  tm_param_spec *fewer = copy_specs(&arena, specs, f->n_params, false);
  tmi_key_put(&bare, c->key.words[0]);
  for (uint32_t i = 0; fewer && i < f->n_params; i++)
    tmi_key_put_spec(&bare, &fewer[i]); /* as long as the wanted key */
  bool promises = fewer && memcmp(words, c->key.words,
                                  bare.used * sizeof words[0]) != 0;
  if (promises) {
    *variant = stand_in(f, &c->key, &bare);
    if (!*variant) status = make_bare(f, c, &bare, fewer, variant);
    if (!status) request(f, c, specs);
  }
  tm_arena_free(&arena);
  /* Nothing to leave out, or it cannot be left out. */
  if (!promises || status) return tmi_variant_of(f, c, variant, error);
  return TM_OK;
}

/* ---- its life ------------------------------------------------------------ */

tm_status tmi_background_start(tm_function *f, tm_error **error) {
  struct tmi_background *b = calloc(1, sizeof *b);
  if (!b) return tmi_fail_memory(error);
  pthread_mutex_init(&b->lock, NULL);
  pthread_cond_init(&b->changed, NULL);
  b->end = &b->first;
  f->background = b;
  return TM_OK;
}

void tmi_background_stop(tm_function *f) {
  struct tmi_background *b = f->background;
  if (!b) return;
  pthread_mutex_lock(&b->lock);
  b->stops = true;
  pthread_cond_signal(&b->changed);
  pthread_mutex_unlock(&b->lock);
  if (b->is_running) pthread_join(b->thread, NULL);
  while (b->first) {
    job *j = b->first;
    b->first = j->next;
    tmi_table_withdraw(&f->variants, j->making);
    free_job(j);
  }
  pthread_cond_destroy(&b->changed);
  pthread_mutex_destroy(&b->lock);
  free(b);
  f->background = NULL;
}
