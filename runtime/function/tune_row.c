/* SPDX-License-Identifier: MIT */
/*
 * tune_row.c - results of tuning as rows of the cache, of the kind "tuning".
 *
 * Key: everything that the choice is a function of: the compiler, the
 * kernel and every text behind it, the device, the values of the tuning key,
 * what the function was made with, the configurations and which of them were
 * candidates, how they are measured.
 *
 * Value, numbers in the machine's order (the file is a machine's own):
 *     "TMT1", configurations, then for each of them
 *     seconds, predicted (doubles), length of the failure and its text
 *
 * A row that is not exactly that is a miss.
 */
#define _GNU_SOURCE
#include "function.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t row_magic = 0x31544d54; /* "TMT1" */
enum { MOST_TEXT = 4096 };

static void key_value(tm_buf *out, const tm_arg *value) {
  uint64_t words[TMI_KEY_WORDS];
  tmi_key key = {words, TMI_KEY_WORDS, 0};
  tmi_key_put_value(&key, value);
  tmi_key_bytes(out, (const char *)words, key.used * sizeof words[0]);
}

static void key_config(const tm_function *f, const tmi_config *config,
                       tm_buf *out) {
  tmi_key_number(out, config->num_warps);
  tmi_key_number(out, config->num_stages);
  for (uint32_t i = 0; i < f->n_params; i++)
    key_value(out, &config->values[i]);
}

void tmi_tuning_key(const tmi_call *call, const tmi_key *key,
                    const bool *is_candidate, tm_buf *out) {
  const tm_function *f = call->function;
  const tm_context *context = f->context;
  const tmi_tuning *tuning = &f->tuning;
  tmi_key_number(out, row_magic);
  tmi_key_source(out, f->module, f->name);
  tmi_key_text(out, context->device.name);
  tmi_key_number(out, tm_mtl.is_apple);
  tmi_key_text(out, context->settings.chip);
  tmi_key_number(out, context->settings.optimization_level);
  tmi_key_number(out, context->settings.threadgroup_size);
  tmi_key_number(out, context->settings.debug);
  tmi_key_number(out, call->options.grid_of != NULL);
  tmi_key_number(out, call->options.num_warps ? call->options.num_warps
                                              : f->num_warps);
  tmi_key_number(out, call->options.num_stages ? call->options.num_stages
                                               : f->num_stages);
  tmi_key_number(out, tuning->warmup);
  tmi_key_number(out, tuning->repetitions);
  tmi_key_number(out, tuning->keep);
  key_value(out, &(tm_arg){.tag = TM_GIVE_FLOAT, .u.f = tuning->keep_share});
  /* The first word is how the record was made. */
  tmi_key_bytes(out, (const char *)&key->words[1],
                (key->used - 1) * sizeof key->words[0]);
  for (uint32_t i = 0; i < f->n_params; i++)
    if (f->params[i].has_define) key_value(out, &f->params[i].define);
  tmi_key_number(out, f->n_configs);
  for (uint32_t i = 0; i < f->n_configs; i++) {
    tmi_key_number(out, is_candidate[i]);
    key_config(f, &f->configs[i], out);
  }
}

/* ---- rows ---------------------------------------------------------------- */

static void put(tm_buf *out, const void *from, size_t n) {
  tm_buf_add(out, from, n);
}

void tmi_tuning_write(const tmi_record *record, tm_buf *out) {
  put(out, &row_magic, sizeof row_magic);
  put(out, &record->n, sizeof record->n);
  for (uint32_t i = 0; i < record->n; i++) {
    const tmi_row *row = &record->rows[i];
    const char *failure = row->failure ? row->failure : "";
    size_t length = strlen(failure);
    uint32_t n = length < MOST_TEXT ? (uint32_t)length : MOST_TEXT;
    put(out, &row->seconds, sizeof row->seconds);
    put(out, &row->predicted, sizeof row->predicted);
    put(out, &n, sizeof n);
    put(out, failure, n);
  }
}

typedef struct reader {
  const unsigned char *at;
  size_t left;
} reader;

static bool take(reader *r, void *to, size_t n) {
  if (n > r->left) return false;
  memcpy(to, r->at, n);
  r->at += n;
  r->left -= n;
  return true;
}

static bool is_time(double x) { return isfinite(x) && x >= 0; }

/* One row's numbers, and where its text is. */
static bool read_row(reader *r, tmi_row *row, const char **text,
                     uint32_t *length) {
  if (!take(r, &row->seconds, sizeof row->seconds) ||
      !take(r, &row->predicted, sizeof row->predicted) ||
      !take(r, length, sizeof *length) || !is_time(row->seconds) ||
      !is_time(row->predicted) || *length > MOST_TEXT || *length > r->left)
    return false;
  *text = (const char *)r->at;
  if (memchr(*text, 0, *length)) return false;
  r->at += *length;
  r->left -= *length;
  return true;
}

/* All of it, into rows when that is not NULL. */
static bool read_rows(reader r, uint32_t n, const bool *is_candidate,
                      tmi_row *rows) {
  bool any = false;
  for (uint32_t i = 0; i < n; i++) {
    tmi_row row = {0, 0, NULL};
    const char *text;
    uint32_t length;
    if (!read_row(&r, &row, &text, &length)) return false;
    if (row.seconds > 0 && !is_candidate[i]) return false;
    any |= row.seconds > 0;
    if (!rows) continue;
    free(rows[i].failure);
    if (length) row.failure = strndup(text, length);
    rows[i] = row;
  }
  return any && !r.left;
}

bool tmi_tuning_read(const void *bytes, size_t size, const bool *is_candidate,
                     tmi_record *record) {
  reader r = {bytes, size};
  uint32_t magic, n;
  if (!take(&r, &magic, sizeof magic) || magic != row_magic ||
      !take(&r, &n, sizeof n) || n != record->n ||
      !read_rows(r, n, is_candidate, NULL))
    return false;
  return read_rows(r, n, is_candidate, record->rows);
}
