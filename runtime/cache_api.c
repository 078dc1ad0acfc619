/* SPDX-License-Identifier: MIT */
/*
 * cache_api.c - the cache as the library's users see it: its facts, its rows,
 * and packs.
 *
 * A pack is made beside its place and renamed into it, so that whoever opens
 * the name finds all of it or none.
 */
#define _GNU_SOURCE
#include "archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

tm_status tm_cache_stats(tm_context *context, tm_cache_facts *facts,
                         tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(facts != NULL, error);
  tm_store_stats stats;
  tm_store_get_stats(context->store, &stats);
  tm_cache_facts now = {.path = tm_store_path(context->store),
                        .hits = stats.hits,
                        .misses = stats.misses,
                        .stores = stats.stores,
                        .failures = stats.failures,
                        .rows = stats.rows,
                        .bytes = stats.bytes,
                        .usable = stats.usable,
                        .writable = stats.writable};
  memcpy(now.trouble, stats.trouble, sizeof now.trouble);
  return tmi_facts(facts, &now, sizeof now, sizeof now, "facts", error);
}

void tmi_cache_warn(tm_context *context) {
  if (!tm_store_failures(context->store) ||
      atomic_load(&context->trouble_told))
    return;
  tm_store_stats stats;
  tm_store_get_stats(context->store, &stats);
  if (!stats.trouble[0] || atomic_exchange(&context->trouble_told, true))
    return;
  tmi_log(context, 0, "the cache %s fails: %s; what it loses is compiled",
          tm_store_path(context->store), stats.trouble);
}

typedef struct listing {
  int (*entry)(void *, const tm_cache_entry *);
  void *payload;
} listing;

static bool list_row(void *payload, const tm_store_row *row) {
  listing *to = payload;
  tm_cache_entry entry = {.struct_size = sizeof entry,
                          .kind = row->kind,
                          .label = row->label,
                          .key_size = row->key_size,
                          .value_size = row->value_size,
                          .uses = row->uses,
                          .created = row->created,
                          .used = row->used};
  snprintf(entry.hash, sizeof entry.hash, "%016llx%016llx",
           (unsigned long long)row->hash_high,
           (unsigned long long)row->hash_low);
  return to->entry(to->payload, &entry) != 0;
}

/* TM_E_IO with the store's own words; or TM_E_MEMORY. */
static tm_status cache_trouble(tm_context *context, const char *what,
                               tm_error **error) {
  tm_store_stats stats;
  tm_store_get_stats(context->store, &stats);
  const char *path = tm_store_path(context->store);
  /* The store notes every trouble but this one. */
  if (path && !stats.trouble[0]) return tmi_fail_memory(error);
  return tmi_fail(error, TM_E_IO, "the cache %s cannot be %s%s%s",
                  path ? path : "(there is none)", what,
                  stats.trouble[0] ? ": " : "", stats.trouble);
}

tm_status tm_cache_list(tm_context *context,
                        int (*entry)(void *payload, const tm_cache_entry *row),
                        void *payload, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(entry != NULL, error);
  listing to = {entry, payload};
  if (tm_store_each(context->store, list_row, &to)) return TM_OK;
  return cache_trouble(context, "read to its end", error);
}

tm_status tm_cache_verify(tm_context *context, uint64_t *good, uint64_t *bad,
                          tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(good != NULL && bad != NULL, error);
  bool whole = tm_store_verify(context->store, good, bad);
  tm_store_stats stats;
  tm_store_get_stats(context->store, &stats);
  if (!whole || !stats.usable) return cache_trouble(context, "read", error);
  return TM_OK;
}

tm_status tm_cache_clear(tm_context *context, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  if (tm_store_clear(context->store)) return TM_OK;
  return cache_trouble(context, "written", error);
}

tm_status tm_cache_prune(tm_context *context, uint64_t unused_seconds,
                         uint64_t *deleted, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  uint64_t count, archives = 0;
  int64_t now = (int64_t)time(NULL);
  int64_t before = unused_seconds > (uint64_t)now ? 0
                                                  : now - (int64_t)unused_seconds;
  bool done = tm_store_prune(context->store, before, &count) &&
              tmi_archive_sweep(context, &archives);
  if (deleted) *deleted = count + archives;
  return done ? TM_OK : cache_trouble(context, "written", error);
}

/* ---- packs -------------------------------------------------------------- */

static tm_status pack_trouble(tm_store *pack, const char *path,
                              const char *what, tm_error **error) {
  tm_store_stats stats;
  tm_store_get_stats(pack, &stats);
  if (!stats.trouble[0]) return tmi_fail_memory(error);
  return tmi_fail(error, TM_E_IO, "the pack %s cannot be %s: %s", path, what,
                  stats.trouble);
}

/* Copies the context's rows into a new file at `path`. */
static tm_status fill_pack(tm_context *context, const char *path,
                           uint64_t *kernels, tm_error **error) {
  tm_store *pack = tm_store_open(path, UINT64_MAX);
  if (!pack) return tmi_fail_memory(error);
  uint64_t left_out;
  tm_status status = TM_OK;
  bool whole = tm_store_copy(context->store, pack, "kernel", kernels,
                             &left_out);
  bool settled = tm_store_settle(pack);
  tm_store_stats stats;
  tm_store_get_stats(pack, &stats);
  if (!whole)
    status = cache_trouble(context, "read", error);
  else if (!settled || !stats.usable || stats.failures)
    status = pack_trouble(pack, path, "written", error);
  tm_store_close(pack);
  return status;
}

tm_status tm_cache_export(tm_context *context, const char *path,
                          uint64_t *kernels, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(path != NULL && *path, error);
  uint64_t count = 0;
  if (kernels) *kernels = 0;
  size_t room = strlen(path) + 32;
  char *making = malloc(room);
  if (!making) return tmi_fail_memory(error);
  snprintf(making, room, "%s.making-%ld", path, (long)getpid());
  unlink(making);
  tm_status status = fill_pack(context, making, &count, error);
  if (!status && rename(making, path) != 0)
    status = tmi_fail(error, TM_E_IO, "the pack %s cannot be written: %s",
                      path, strerror(errno));
  if (status) unlink(making);
  free(making);
  if (!status && kernels) *kernels = count;
  return status;
}

tm_status tm_cache_import(tm_context *context, const char *path,
                          uint64_t *kernels, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(path != NULL && *path, error);
  if (kernels) *kernels = 0;
  tm_store_stats before, after;
  tm_store_get_stats(context->store, &before);
  if (!before.writable) return cache_trouble(context, "written", error);
  tm_store *pack = tm_store_open_pack(path);
  if (!pack) return tmi_fail_memory(error);
  uint64_t count, left_out;
  bool whole = tm_store_copy(pack, context->store, "kernel", &count,
                             &left_out);
  tm_status status = TM_OK;
  tm_store_get_stats(context->store, &after);
  if (kernels) *kernels = count;
  if (!whole)
    status = pack_trouble(pack, path, "read", error);
  else if (after.failures > before.failures)
    status = cache_trouble(context, "written", error);
  else if (left_out)
    status = tmi_fail(error, TM_E_IO,
                      "the pack %s is damaged: %llu of its rows were left "
                      "out, %llu are in the cache now",
                      path, (unsigned long long)left_out,
                      (unsigned long long)count);
  tm_store_close(pack);
  return status;
}
