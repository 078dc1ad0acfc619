/* SPDX-License-Identifier: MIT */
/*
 * pack.c - rows from one file to another, and rows that nobody uses.
 *
 * A pack is a database like the cache's own, made in one go and then only
 * read: to ship kernels with an application, or to bring them to another
 * machine. It is checked row by row as the cache is; what is not sound stays
 * behind. Opening one makes, renames and writes nothing.
 */
#define _GNU_SOURCE
#include "cacheint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tm_store *tm_store_open_pack(const char *path) {
  tm_store *store = tm_store_open(path, 0);
  if (store) store->is_pack = true;
  return store;
}

/* One row in memory of its own, so that no lock is held while it is put. */
typedef struct copy {
  char *kind, *label;
  void *key, *value;
  size_t key_size, value_size;
} copy;

static void free_copy(copy *row) {
  free(row->kind);
  free(row->label);
  free(row->key);
  free(row->value);
}

static char *text_of(sqlite3_stmt *row, int column) {
  const char *text = (const char *)sqlite3_column_text(row, column);
  if (!text && tmi_store_row_unread(row)) return NULL;
  return strdup(text ? text : "");
}

static void *blob_of(sqlite3_stmt *row, int column, size_t *size) {
  *size = (size_t)sqlite3_column_bytes(row, column);
  char *bytes = malloc(*size + 1);
  if (bytes && *size) memcpy(bytes, sqlite3_column_blob(row, column), *size);
  return bytes;
}

typedef enum step { DONE, GOOD, SKIPPED, FAILED } step;

/* The next row after id *from of that kind (NULL: any). */
static step next_row(tm_store *store, const char *kind, int64_t *from,
                     bool *first, copy *out) {
  tm_store_link *link = tmi_store_lock(store);
  if (!link) return FAILED;
  step found = FAILED;
  int rc = SQLITE_OK;
  sqlite3_stmt *row = NULL;
  if (tmi_store_open_link(store, link) &&
      sqlite3_prepare_v2(
          link->db,
          "SELECT high,kind,key,value,sum_high,sum_low,id,label FROM row "
          "WHERE (id>?1 OR (?2 AND id=?1)) AND (?3 IS NULL OR kind=?3) "
          "ORDER BY id LIMIT 1",
          -1, &row, NULL) == SQLITE_OK) {
    sqlite3_bind_int64(row, 1, *from);
    sqlite3_bind_int(row, 2, *first);
    if (kind) sqlite3_bind_text(row, 3, kind, -1, SQLITE_STATIC);
    rc = sqlite3_step(row);
    if (rc == SQLITE_DONE) found = DONE;
    if (rc == SQLITE_ROW) {
      *from = sqlite3_column_int64(row, 6);
      *first = false;
      tm_store_soundness sound = tmi_store_check_row(row);
      found = sound == TM_ROW_UNREAD ? FAILED : SKIPPED;
      if (sound == TM_ROW_SOUND) {
        out->kind = text_of(row, 1);
        out->label = text_of(row, 7);
        out->key = blob_of(row, 2, &out->key_size);
        out->value = blob_of(row, 3, &out->value_size);
        found = out->kind && out->label && out->key && out->value ? GOOD
                                                                   : FAILED;
      }
    }
  }
  sqlite3_finalize(row); /* first: a failure may close the connection */
  if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
    tmi_store_failed(store, link, "reading", rc);
  tmi_store_unlock(link);
  return found;
}

bool tm_store_copy(tm_store *from, tm_store *to, const char *kind,
                   uint64_t *copied, uint64_t *left_out) {
  *copied = *left_out = 0;
  int64_t id = INT64_MIN;
  bool first = true;
  for (;;) {
    copy row = {0};
    step found = next_row(from, kind, &id, &first, &row);
    bool stored = found == GOOD &&
                  tm_store_put(to, row.kind, row.key, row.key_size, row.value,
                               row.value_size, row.label);
    free_copy(&row);
    if (found == DONE || found == FAILED) return found == DONE;
    ++*(stored ? copied : left_out);
  }
}

/* Closing would write the log back too, but nobody hears of its failure. */
bool tm_store_settle(tm_store *store) {
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (!link) return false;
  sqlite3_stmt *statement = NULL;
  bool done = false;
  if (tmi_store_open_link(store, link)) {
    tmi_store_flush(store, link);
    int rc = sqlite3_prepare_v2(link->db, "PRAGMA journal_mode=DELETE", -1,
                                &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    const char *mode = rc == SQLITE_ROW
                           ? (const char *)sqlite3_column_text(statement, 0)
                           : NULL;
    done = mode && strcmp(mode, "delete") == 0; /* else it is as before */
    if (!done) tmi_store_trouble(link, "writing the log back", rc);
  }
  sqlite3_finalize(statement);
  tmi_store_unlock(link);
  return done;
}

bool tm_store_drop_others(tm_store *store, const char *kind,
                          const void *prefix, size_t prefix_size,
                          uint64_t *deleted) {
  *deleted = 0;
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (!link) return false;
  sqlite3_stmt *statement = NULL;
  int rc = SQLITE_READONLY;
  if (tmi_store_open_link(store, link) && link->writable)
    rc = sqlite3_prepare_v2(
        link->db, "DELETE FROM row WHERE kind=?1 AND substr(key,1,?2)<>?3",
        -1, &statement, NULL);
  if (statement) {
    sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (int64_t)prefix_size);
    sqlite3_bind_blob64(statement, 3, prefix, prefix_size, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_DONE) *deleted = (uint64_t)sqlite3_changes(link->db);
  }
  sqlite3_finalize(statement);
  if (rc != SQLITE_DONE) tmi_store_failed(store, link, "deleting", rc);
  tmi_store_unlock(link);
  return rc == SQLITE_DONE;
}

/* Rows that were used at a time that is still to come count from now on. */
static bool forget_the_future(sqlite3 *db) {
  char text[128];
  long long now = (long long)tmi_store_now();
  snprintf(text, sizeof text, "UPDATE row SET used=%lld WHERE used>%lld", now,
           now + (long long)TM_STORE_AHEAD);
  return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK;
}

bool tm_store_prune(tm_store *store, int64_t used_before, uint64_t *deleted) {
  *deleted = 0;
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (!link) return false;
  bool done = false;
  sqlite3_stmt *statement = NULL;
  if (tmi_store_open_link(store, link) && link->writable) {
    tmi_store_flush(store, link);
    if (link->db && forget_the_future(link->db) &&
        sqlite3_prepare_v2(link->db, "DELETE FROM row WHERE used<?1", -1,
                           &statement, NULL) == SQLITE_OK) {
      sqlite3_bind_int64(statement, 1, used_before * 1000000);
      int rc = sqlite3_step(statement);
      done = rc == SQLITE_DONE;
      if (done) *deleted = (uint64_t)sqlite3_changes(link->db);
      else tmi_store_trouble(link, "deleting", rc);
    }
  }
  sqlite3_finalize(statement);
  if (done && *deleted) sqlite3_exec(link->db, "VACUUM", NULL, NULL, NULL);
  tmi_store_unlock(link);
  return done;
}
