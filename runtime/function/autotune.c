/* SPDX-License-Identifier: MIT */
/*
 * autotune.c - which configuration a launch takes.
 *
 *     values of the key's arguments, types of the buffers ──▶ record
 *
 *     no record: prune (the caller's function, or early_config_prune)
 *                drop configurations that set what another sets
 *                look in the cache                           (tune_row.c)
 *                compile each, ask the model (tm_kernel_estimate)
 *                measure those that the model likes best     (tune_measure.c)
 *                order them by time; store; publish
 *
 * A record is made by the one thread that claims its key (variants.c). It is
 * kept apart by what could be known when it was made: launches that may be
 * measured, launches that may not, and questions without a launch, which have
 * no grid for the model to look at.
 */
#define _GNU_SOURCE
#include "function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a record was made of, best first. */
typedef enum record_mode { MEASURED, MODELLED, LISTED } record_mode;

static const char not_measured[] = "not measured: ";

/* One record in the making. */
typedef struct tuning {
  const tmi_call *call;
  tm_function *f;
  record_mode mode;
  tmi_record *record;
  bool *is_candidate;    /* by configuration */
  bool is_from_cache;
  tm_status first;       /* of the first configuration that failed */
  tm_error *first_error;
  tmi_timing timing;
  bool is_timing;        /* timing has begun */
} tuning;

bool tmi_may_pass_over(tm_status status) {
  return status == TM_E_LIMIT || status == TM_E_UNSUPPORTED ||
         status == TM_E_SEMANTIC || status == TM_E_METAL_COMPILE ||
         status == TM_E_DEVICE;
}

/* ---- records ------------------------------------------------------------- */

void tmi_record_free(void *record) {
  tmi_record *r = record;
  if (!r) return;
  for (uint32_t i = 0; i < r->n; i++) free(r->rows[i].failure);
  free(r->order);
  free(r->key);
  free(r);
}

static tmi_record *new_record(uint32_t n) {
  tmi_record *r = calloc(1, sizeof *r + n * sizeof r->rows[0]);
  if (!r) return NULL;
  r->n = n;
  r->order = calloc(n, sizeof *r->order);
  if (r->order) return r;
  free(r);
  return NULL;
}

/* Says why a configuration is out; no memory for that is no failure. */
static void fail_row(tuning *t, uint32_t i, const char *why) {
  t->is_candidate[i] = false;
  free(t->record->rows[i].failure);
  t->record->rows[i].failure = strdup(why);
}

static uint32_t count_candidates(const tuning *t) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->f->n_configs; i++) n += t->is_candidate[i];
  return n;
}

static void print_type(tm_buf *out, const char *name, uint32_t dtype) {
  tm_buf_printf(out, "%s%s: *%s", out->len ? ", " : "", name,
                tmi_dtype_name(dtype) ? tmi_dtype_name(dtype) : "?");
}

static uint32_t dtype_of(const tm_arg *arg) {
  if (arg->tag == TM_GIVE_BUFFER) return arg->dtype;
  return arg->tag == TM_GIVE_DESCRIPTOR && arg->u.descriptor
             ? arg->u.descriptor->dtype
             : (uint32_t)TM_DTYPE_NONE;
}

/* "n=4096, x: *fp32" */
static char *key_text(const tm_function *f, const tm_arg *const *bound) {
  tm_arena arena;
  jmp_buf guard;
  char *volatile text = NULL;
  tm_arena_init(&arena, 0);
  if (tm_arena_guard(&arena, guard)) {
    tm_buf out = tm_buf_in(&arena);
    for (uint32_t k = 0; k < f->tuning.n_key; k++) {
      uint32_t i = f->tuning.key[k];
      if (!dtype_of(bound[i]))
        tmi_print_value(&out, f->params[i].name, bound[i]);
    }
    for (uint32_t i = 0; i < f->n_params; i++)
      if (dtype_of(bound[i]))
        print_type(&out, f->params[i].name, dtype_of(bound[i]));
    text = strdup(tm_buf_text(&out));
  }
  tm_arena_free(&arena);
  return text;
}

/* ---- candidates ---------------------------------------------------------- */

/* By the caller's function. */
static tm_status prune_by_caller(const tm_function *f,
                                 const tm_arg *const *bound, uint32_t *list,
                                 uint32_t *n, tm_error **error) {
  tm_define args[TMI_MOST_PARAMS];
  size_t n_args = tmi_defines_of(f, bound, args);
  size_t kept = f->prune(f->payload, f->public_configs, f->n_configs, args,
                         n_args, list);
  bool is_sound = kept > 0 && kept <= f->n_configs;
  for (size_t k = 0; is_sound && k < kept; k++)
    is_sound = list[k] < f->n_configs;
  if (!is_sound)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': prune keeps %zu of %u configurations, or "
                    "gives an index that is none: it must keep one at least",
                    f->name, kept, (unsigned)f->n_configs);
  *n = (uint32_t)kept;
  return TM_OK;
}

/* By early_config_prune, in the arena; armed. */
static tm_status prune_by_host(const tm_function *f,
                               const tm_arg *const *bound, tm_arena *arena,
                               uint32_t *list, uint32_t *n, tm_error **error) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  diags.sources.data = tmi_module_box_of(f->module)->diags.sources.data;
  diags.sources.len = tmi_module_box_of(f->module)->diags.sources.len;
  tm_host_arg *args = TM_NEW_ARRAY(arena, tm_host_arg, f->n_params + 1);
  uint32_t n_args = 0;
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i]->tag != TM_GIVE_NOTHING)
      args[n_args++] = tmi_host_arg_of(f->params[i].name, bound[i]);
  if (tm_host_prune(arena, &diags, f->def, args, n_args, list, n))
    return TM_OK;
  for (uint32_t i = 0; i < diags.list.len; i++)
    diags.list.data[i].hint = "early_config_prune is Python: give "
                              "tm_function_options.prune or .configs instead";
  return tmi_fail_diags(error, &diags);
}

tm_status tmi_candidates(const tmi_call *call, const tm_arg *const *bound,
                         uint32_t *list, uint32_t *n, tm_error **error) {
  const tm_function *f = call->function;
  if (f->prune) return prune_by_caller(f, bound, list, n, error);
  *n = f->n_configs;
  for (uint32_t i = 0; i < f->n_configs; i++) list[i] = i;
  if (!f->tuning.prunes) return TM_OK;
  tm_arena arena;
  jmp_buf guard;
  volatile tm_status status = TM_E_MEMORY;
  tm_arena_init(&arena, 0);
  if (tm_arena_guard(&arena, guard))
    status = prune_by_host(f, bound, &arena, list, n, error);
  else
    tmi_fail_memory(error);
  tm_arena_free(&arena);
  return status;
}

/* Tuples are never the same: at worst one is measured twice. */
static bool same_value(const tm_arg *a, const tm_arg *b) {
  if (!tmi_is_plain(a) || !tmi_is_plain(b)) return false;
  uint64_t x[TMI_KEY_WORDS], y[TMI_KEY_WORDS];
  tmi_key one = {x, TMI_KEY_WORDS, 0}, other = {y, TMI_KEY_WORDS, 0};
  return tmi_key_put_value(&one, a) && tmi_key_put_value(&other, b) &&
         one.used == other.used &&
         memcmp(x, y, one.used * sizeof x[0]) == 0;
}

/* Do two configurations set the same where the launch gives nothing? */
static bool same_values(const tm_function *f, const tm_arg *const *bound,
                        const tmi_config *a, const tmi_config *b) {
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i]->tag == TM_GIVE_NOTHING &&
        !same_value(&a->values[i], &b->values[i]))
      return false;
  return true;
}

static bool same_counts(const tmi_call *call, const tmi_config *a,
                        const tmi_config *b) {
  return (call->options.num_warps || a->num_warps == b->num_warps) &&
         (call->options.num_stages || a->num_stages == b->num_stages);
}

static void drop_repeated(tuning *t, const tm_arg *const *bound) {
  const tmi_config *configs = t->f->configs;
  for (uint32_t i = 0; i < t->f->n_configs; i++)
    for (uint32_t k = 0; t->is_candidate[i] && k < i; k++)
      if (t->is_candidate[k] &&
          same_values(t->f, bound, &configs[i], &configs[k]) &&
          same_counts(t->call, &configs[i], &configs[k]))
        fail_row(t, i, "sets nothing else than one before it, given this "
                       "launch's arguments");
}

/* Only those that set what `first` sets, when the grid cannot follow. */
static void hold_grid(tuning *t, const tm_arg *const *bound, uint32_t first) {
  if (t->call->options.grid_of) return;
  for (uint32_t i = 0; i < t->f->n_configs; i++)
    if (t->is_candidate[i] &&
        !same_values(t->f, bound, &t->f->configs[first], &t->f->configs[i]))
      fail_row(t, i, "not tried: it sets other values, and the grid is a "
                     "number: give tm_launch_options.grid_of");
}

/* ---- trying one ---------------------------------------------------------- */

/* Keeps the first failure for the case that every configuration fails. What
 * may not be passed over is returned. */
static tm_status note_failure(tuning *t, uint32_t i, tm_status status,
                              tm_error *failure) {
  const char *why = failure ? tm_error_message(failure)
                            : tm_status_text(status);
  fail_row(t, i, why);
  tmi_log(t->f->context, 1, "autotune %s: %s: %s", t->f->name,
          t->f->configs[i].text, why);
  if (!t->first) {
    t->first = status;
    t->first_error = failure;
  } else if (!tmi_may_pass_over(status)) {
    tm_error_destroy(t->first_error);
    t->first = status;
    t->first_error = failure;
  } else {
    tm_error_destroy(failure);
  }
  return tmi_may_pass_over(status) ? TM_OK : status;
}

/* The roofline says what is possible when all overlaps. Rankings need more:
 * many configurations move the same bytes. A core that keeps fewer threads in
 * flight, since they hold more registers than FULL_REGISTERS, waits more for
 * memory, and what should overlap does so a little less than fully. */
static double rank_of(const tm_estimate *e) {
  enum { FULL_REGISTERS = 52 }; /* 32-bit, of each of 1024 threads: 104 half
                                   registers in Mesa's table for the M1 */
  double crowding = (double)e->registers / FULL_REGISTERS;
  const double parts[4] = {e->memory_seconds * (crowding > 1 ? crowding : 1),
                           e->arithmetic_seconds, e->matrix_seconds,
                           e->threadgroup_seconds};
  double all = 0, longest = 0;
  for (int i = 0; i < 4; i++) {
    all += parts[i];
    if (parts[i] > longest) longest = parts[i];
  }
  return longest + (all - longest) / 10;
}

static void predict(tuning *t, uint32_t i, const tmi_variant *v,
                    tmi_choice *c) {
  tmi_flat flat;
  tm_estimate estimate = TM_ESTIMATE_INIT;
  if (!tmi_variant_args(v, c, t->f, &flat, NULL) &&
      !tmi_kernel_estimate(&estimate, v->kernel, tmi_grid_of(t->call, c),
                          flat.args, flat.n, NULL))
    t->record->rows[i].predicted = rank_of(&estimate);
}

/* Compiles a configuration, loads it and asks the model. */
static tm_status try_one(tuning *t, uint32_t i) {
  tmi_choice c;
  tmi_variant *v;
  tm_error *failure = NULL;
  tm_status status = tmi_choose(t->call, &t->f->configs[i], &c, &failure);
  if (!status) status = tmi_variant_of(t->f, &c, &v, &failure);
  if (!status && t->mode == MEASURED)
    status = tmi_kernel_load(v->kernel, &failure);
  if (!status) predict(t, i, v, &c);
  tmi_choice_free(&c);
  return status ? note_failure(t, i, status, failure) : TM_OK;
}

/* The order of what is left: by time, by the model, by the list. */
static bool goes_before(const tmi_row *a, const tmi_row *b) {
  if (a->seconds || b->seconds)
    return a->seconds && (!b->seconds || a->seconds < b->seconds);
  if (a->predicted || b->predicted)
    return a->predicted && (!b->predicted || a->predicted < b->predicted);
  return false;
}

static void put_in_order(tuning *t) {
  tmi_record *r = t->record;
  r->n_order = 0;
  for (uint32_t i = 0; i < r->n; i++) {
    if (!t->is_candidate[i]) continue;
    uint32_t at = r->n_order++;
    for (; at && goes_before(&r->rows[i], &r->rows[r->order[at - 1]]); at--)
      r->order[at] = r->order[at - 1];
    r->order[at] = i;
  }
}

/* ---- measuring ----------------------------------------------------------- */

/* Nothing of this record can be measured: the model decides. */
static void refuse_measuring(tuning *t, const char *why) {
  char text[sizeof not_measured + sizeof t->timing.refusal];
  snprintf(text, sizeof text, "%s%s", not_measured, why);
  for (uint32_t i = 0; i < t->record->n; i++) {
    if (!t->is_candidate[i]) continue;
    t->record->rows[i].seconds = 0;
    free(t->record->rows[i].failure);
    t->record->rows[i].failure = strdup(text);
  }
  tmi_log(t->f->context, 1, "autotune %s: %s", t->f->name, text);
}

static tm_status measure_one(tuning *t, uint32_t i) {
  tmi_choice c;
  tmi_variant *v;
  tm_error *failure = NULL;
  double seconds = 0;
  tm_status status = tmi_choose(t->call, &t->f->configs[i], &c, &failure);
  if (!status) status = tmi_variant_of(t->f, &c, &v, &failure);
  if (!status)
    status = tmi_timing_run(&t->timing, v, &c, &seconds, &failure);
  tmi_choice_free(&c);
  if (status) return note_failure(t, i, status, failure);
  t->record->rows[i].seconds = seconds;
  if (!t->timing.refusal[0])
    tmi_log(t->f->context, 1, "autotune %s [%s]: %s: %.3f us", t->f->name,
            t->record->key, t->f->configs[i].text, seconds * 1e6);
  return TM_OK;
}

/* How many the model leaves to measure. */
static uint32_t how_many(const tuning *t) {
  uint32_t n = count_candidates(t);
  uint32_t most = t->f->tuning.keep;
  if (!most && t->f->tuning.keep_share > 0)
    most = (uint32_t)(n * t->f->tuning.keep_share);
  else if (!most)
    return n;
  if (!most) most = 1; /* a small share of few */
  return most < n ? most : n;
}

static tm_status measure_all(tuning *t, tm_error **error) {
  put_in_order(t); /* by the model */
  uint32_t n = how_many(t);
  for (uint32_t k = n; k < t->record->n_order; k++)
    fail_row(t, t->record->order[k], "not measured: the model ranks others "
                                     "before it");
  if (n < 2) return TM_OK;
  tm_status status = tmi_timing_begin(&t->timing, t->call, error);
  if (status) return status;
  t->is_timing = true;
  for (uint32_t i = 0; i < t->record->n && !status; i++) {
    if (!t->is_candidate[i]) continue;
    status = measure_one(t, i);
    if (t->timing.refusal[0]) {
      refuse_measuring(t, t->timing.refusal);
      break;
    }
  }
  return status;
}

/* ---- making a record ----------------------------------------------------- */

/* The candidates and what the cache knows of them. */
static tm_status begin_record(tuning *t, const tm_arg *const *bound,
                              tm_error **error) {
  uint32_t n = 0, *list = calloc(t->f->n_configs, sizeof *list);
  if (!list) return tmi_fail_memory(error);
  tm_status status = tmi_candidates(t->call, bound, list, &n, error);
  for (uint32_t k = 0; k < n && !status; k++) t->is_candidate[list[k]] = true;
  for (uint32_t i = 0; i < t->f->n_configs && !status; i++)
    if (!t->is_candidate[i]) fail_row(t, i, "pruned");
  free(list);
  if (!status) drop_repeated(t, bound);
  return status;
}

/* The cache's row, in or out; false: there is none, or no memory. */
static bool exchange_row(tuning *t, const tmi_key *key, bool store) {
  tm_store *rows = t->f->context->store;
  tm_arena arena;
  jmp_buf guard;
  volatile bool done = false;
  if (!atomic_load(&t->f->context->has_device) || !tm_store_path(rows))
    return false;
  tm_arena_init(&arena, 0);
  if (tm_arena_guard(&arena, guard)) {
    tm_buf name = tm_buf_in(&arena), value = tm_buf_in(&arena);
    tmi_tuning_key(t->call, key, t->is_candidate, &name);
    void *found;
    size_t size;
    if (store) {
      tm_buf label = tm_buf_in(&arena);
      tm_buf_printf(&label, "%s for %s: %s", t->f->name,
                    t->f->context->device_chip->name, t->record->key);
      tmi_tuning_write(t->record, &value);
      done = tm_store_put(rows, "tuning", name.data, name.len, value.data,
                          value.len, tm_buf_text(&label));
    } else if (tm_store_get(rows, "tuning", name.data, name.len, &found,
                            &size)) {
      done = tmi_tuning_read(found, size, t->is_candidate, t->record);
      free(found);
    }
  }
  tm_arena_free(&arena);
  return done;
}

/* What was read knows which configurations are out. */
static void take_row(tuning *t) {
  for (uint32_t i = 0; i < t->record->n; i++)
    if (!t->record->rows[i].seconds) t->is_candidate[i] = false;
  t->is_from_cache = true;
}

/* Compiles all candidates. With a grid that is a number the first that can
 * be compiled decides which are candidates. */
static tm_status try_all(tuning *t, const tm_arg *const *bound) {
  bool is_held = false;
  for (uint32_t i = 0; i < t->f->n_configs; i++) {
    if (!t->is_candidate[i]) continue;
    tm_status status = try_one(t, i);
    if (status) return status;
    if (is_held || !t->is_candidate[i]) continue;
    hold_grid(t, bound, i);
    is_held = true;
  }
  return TM_OK;
}

/* Hands over the error of the first configuration that failed. */
static tm_status hand_over(tuning *t, tm_error **error) {
  if (error)
    *error = t->first_error;
  else
    tm_error_destroy(t->first_error);
  t->first_error = NULL;
  return t->first;
}

static void forget_failures(tuning *t) {
  t->first = TM_OK;
  tm_error_destroy(t->first_error);
  t->first_error = NULL;
}

/* Compiles, and measures when it may, several candidates. */
static tm_status find_out(tuning *t, const tm_arg *const *bound,
                          tm_error **error) {
  if (try_all(t, bound)) return hand_over(t, error);
  if (t->mode != MEASURED || count_candidates(t) < 2) return TM_OK;
  forget_failures(t); /* what fails from here on decides */
  tm_status status = measure_all(t, error);
  if (t->is_timing) tmi_timing_end(&t->timing);
  return status && t->first ? hand_over(t, error) : status;
}

static tm_status decide(tuning *t, const tm_arg *const *bound,
                        const tmi_key *key, tm_error **error) {
  size_t size = t->f->n_configs * sizeof *t->is_candidate;
  tm_status status = begin_record(t, bound, error);
  if (status) return status;
  bool *asked = malloc(size); /* rows are stored under the candidates of now */
  if (!asked) return tmi_fail_memory(error);
  memcpy(asked, t->is_candidate, size);
  bool several = count_candidates(t) > 1;
  if (several && t->mode != MODELLED && exchange_row(t, key, false))
    take_row(t);
  else if (several && t->mode != LISTED)
    status = find_out(t, bound, error);
  if (!status && !count_candidates(t)) status = hand_over(t, error);
  if (!status) put_in_order(t);
  bool is_measured =
      !status && t->record->rows[t->record->order[0]].seconds > 0;
  if (is_measured && !t->is_from_cache) {
    memcpy(t->is_candidate, asked, size);
    exchange_row(t, key, true);
  }
  free(asked);
  return status;
}

static tm_status make_record(const tmi_call *call, const tm_arg *const *bound,
                             record_mode mode, const tmi_key *key,
                             tmi_record **out, tm_error **error) {
  tm_function *f = call->function;
  tuning t = {.call = call, .f = f, .mode = mode};
  double start = tmi_seconds();
  t.record = new_record(f->n_configs);
  t.is_candidate = calloc(f->n_configs, sizeof *t.is_candidate);
  bool ready = t.record && t.is_candidate;
  if (ready) t.record->key = key_text(f, bound);
  ready = ready && t.record->key;
  tm_status status = ready ? decide(&t, bound, key, error)
                           : tmi_fail_memory(error);
  free(t.is_candidate);
  tm_error_destroy(t.first_error);
  if (status) {
    tmi_record_free(t.record);
    return status;
  }
  const tmi_row *best = &t.record->rows[t.record->order[0]];
  tmi_log(f->context, 1, "autotune %s [%s]: %s takes (%s) in %.1f ms",
          f->name, t.record->key,
          t.is_from_cache ? "the cache" : best->seconds ? "the fastest"
          : best->predicted ? "the model" : "the list",
          f->configs[t.record->order[0]].text, (tmi_seconds() - start) * 1e3);
  *out = t.record;
  return TM_OK;
}

/* ---- looking it up ------------------------------------------------------- */

static record_mode mode_of(const tmi_call *call) {
  if (!call->is_launch) return LISTED;
  bool may_run = call->function->context->settings.auto_tuning &&
                 call->stream && !atomic_load(&call->stream->recorder);
  return may_run ? MEASURED : MODELLED;
}

/* The first word is set by the caller. */
static bool put_tuning_key(const tmi_call *call, const tm_arg *const *bound,
                           tmi_key *key) {
  const tm_function *f = call->function;
  bool fits = tmi_key_put(key, 0);
  for (uint32_t k = 0; k < f->tuning.n_key && fits; k++)
    fits = tmi_key_put_value(key, bound[f->tuning.key[k]]);
  for (uint32_t i = 0; i < f->n_params && fits; i++)
    if (dtype_of(bound[i])) fits = tmi_key_put(key, dtype_of(bound[i]));
  return fits;
}

tm_status tmi_record_of(const tmi_call *call, const tm_arg *const *bound,
                        tmi_key *key, const tmi_record **record,
                        tm_error **error) {
  tm_function *f = call->function;
  record_mode mode = mode_of(call);
  key->used = 0;
  if (!put_tuning_key(call, bound, key))
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s': the values of its tuning key take more than "
                    "%d bytes", f->name, TMI_KEY_WORDS * 8);
  uint64_t follows = call->options.grid_of ? 16 : 0;
  for (record_mode m = MEASURED; m <= mode; m++) {
    key->words[0] = m | follows;
    *record = tmi_table_find(&f->records, key);
    if (*record) return TM_OK;
  }
  void *found = NULL;
  tmi_record *made = NULL;
  tmi_making *making;
  switch (tmi_table_claim(&f->records, key, true, &found, &making)) {
    case TMI_CLAIM_FOUND: *record = found; return TM_OK;
    case TMI_CLAIM_MAKE: break;
    default: return tmi_fail_memory(error);
  }
  tm_status status = make_record(call, bound, mode, key, &made, error);
  if (status) {
    tmi_table_withdraw(&f->records, making);
    return status;
  }
  tmi_table_publish(&f->records, making, made);
  *record = made;
  return TM_OK;
}

/* ---- reporting ----------------------------------------------------------- */

typedef struct report {
  tm_function *f;
  int (*row)(void *payload, const tm_tuning_row *row);
  void *payload;
} report;

static bool report_record(void *payload, const tmi_entry *entry) {
  const report *to = payload;
  const tmi_record *r = entry->value;
  if ((entry->key[0] & 15) == LISTED && !r->rows[r->order[0]].seconds)
    return true; /* nothing is known */
  for (uint32_t i = 0; i < r->n; i++) {
    tm_tuning_row row = {.struct_size = sizeof row,
                         .key = r->key,
                         .config = to->f->configs[i].text,
                         .seconds = r->rows[i].seconds,
                         .predicted = r->rows[i].predicted,
                         .chosen = r->order[0] == i,
                         .failure = r->rows[i].failure};
    if (!to->row(to->payload, &row)) return false;
  }
  return true;
}

tm_status tm_function_tuning(tm_function *function,
                             int (*row)(void *payload,
                                        const tm_tuning_row *row),
                             void *payload, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(function, TMI_FUNCTION, error);
  TMI_CHECK_ALIVE(function, error);
  TMI_CHECK(row != NULL, error);
  report to = {function, row, payload};
  tmi_table_each(&function->records, report_record, &to);
  return TM_OK;
}
