/* SPDX-License-Identifier: MIT */
/*
 * cache.c - rows by key.
 *
 * A row's id is half of the xxHash-128 of its kind and key; the other half,
 * the kind and the whole key are stored and compared, so that a collision is
 * a miss and never a wrong row. The value carries its own xxHash-128, seeded
 * with the id, so that neither flipped bits nor exchanged rows are handed
 * out. A bad row is deleted.
 *
 * Reading must not cost a write. A hit is noted in memory and its time of
 * use is written with the next store, after 64 hits, or on closing; a crash
 * loses only how recently rows were used.
 *
 * Clocks jump. A time of use that lies a day and more ahead of the clock is
 * the mark of one that was wrong: such rows are evicted first, since they
 * would otherwise outlive all others, and the next use or pruning puts the
 * time right.
 */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "cacheint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum {
  SUM_PART = 32 /* look at the file's size after each 1/32 of the limit */
};
static const uint64_t default_limit = 512u << 20;

static const char *const sql[TM_STORE_STATEMENTS] = {
    [TM_STORE_GET] = "SELECT high,kind,key,value,sum_high,sum_low FROM row "
                     "WHERE id=?1",
    [TM_STORE_PUT] = "INSERT OR REPLACE INTO row(id,high,size,uses,created,"
                     "used,sum_high,sum_low,kind,label,key,value) "
                     "VALUES(?1,?2,?3,0,?4,?4,?5,?6,?7,?8,?9,?10)",
    [TM_STORE_DELETE] = "DELETE FROM row WHERE id=?1",
    [TM_STORE_TOUCH] = "UPDATE row SET uses=uses+1,used="
                       "CASE WHEN used>?3 THEN ?2 ELSE max(used,?2) END "
                       "WHERE id=?1",
    [TM_STORE_SUM] = "SELECT count(*),coalesce(sum(size),0) FROM row",
    [TM_STORE_OLDEST] = "SELECT id,size FROM row "
                        "ORDER BY used>?1 DESC,used,id LIMIT 64"};

int64_t tmi_store_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- links -------------------------------------------------------------- */

static tm_store_link *new_link(void) {
  tm_store_link *link = calloc(1, sizeof *link);
  if (!link) return NULL;
  link->process = getpid();
  if (pthread_mutex_init(&link->lock, NULL) != 0) {
    free(link);
    return NULL;
  }
  return link;
}

static void free_link(tm_store_link *link) {
  pthread_mutex_destroy(&link->lock);
  free(link);
}

tm_store_link *tmi_store_lock(tm_store *store) {
  tm_store_link *link = atomic_load(&store->link);
  if (!link || link->process != getpid()) {
    tm_store_link *fresh = new_link();
    if (!fresh) return NULL;
    /* The parent's link is left to leak: closing it would take the parent's
     * locks away. */
    if (atomic_compare_exchange_strong(&store->link, &link, fresh))
      link = fresh;
    else
      free_link(fresh);
  }
  pthread_mutex_lock(&link->lock);
  return link;
}

void tmi_store_unlock(tm_store_link *link) {
  pthread_mutex_unlock(&link->lock);
}

/* The statement, ready to be bound; NULL when it cannot be made. */
static sqlite3_stmt *prepare(tm_store *store, tm_store_link *link,
                             tm_store_statement which) {
  sqlite3_stmt **slot = &link->statements[which];
  if (!*slot) {
    int rc = sqlite3_prepare_v3(link->db, sql[which], -1,
                                SQLITE_PREPARE_PERSISTENT, slot, NULL);
    if (rc != SQLITE_OK) {
      *slot = NULL;
      tmi_store_failed(store, link, "preparing", rc);
    }
  }
  return *slot;
}

/* Runs a statement that gives no rows. Damage closes the link. */
static bool run(tm_store *store, tm_store_link *link, sqlite3_stmt *statement,
                const char *what) {
  int rc = sqlite3_step(statement);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (rc == SQLITE_DONE || rc == SQLITE_ROW) return true;
  tmi_store_failed(store, link, what, rc);
  return false;
}

static bool run_text(tm_store *store, tm_store_link *link, const char *text) {
  int rc = sqlite3_exec(link->db, text, NULL, NULL, NULL);
  if (rc == SQLITE_OK) return true;
  tmi_store_failed(store, link, text, rc);
  return false;
}

/* Ends a transaction, whether or not what was in it went well; the link may
 * have been closed since. True: what was in it is stored. */
static bool end_transaction(tm_store *store, tm_store_link *link, bool good) {
  if (!link->db) return false;
  if (good && run_text(store, link, "COMMIT")) return true;
  if (link->db) sqlite3_exec(link->db, "ROLLBACK", NULL, NULL, NULL);
  return false;
}

/* ---- hashes ------------------------------------------------------------- */

static XXH128_hash_t hash_key(const char *kind, const void *key, size_t size) {
  /* The kind seeds the key's hash, so that equal keys of two kinds differ. */
  return XXH3_128bits_withSeed(key, size,
                               XXH3_64bits(kind, strlen(kind)));
}

void tm_store_hash(const char *kind, const void *key, size_t key_size,
                   uint64_t *high, uint64_t *low) {
  XXH128_hash_t hash = hash_key(kind, key, key_size);
  *high = hash.high64;
  *low = hash.low64;
}

static XXH128_hash_t hash_value(int64_t id, const void *value, size_t size) {
  return XXH3_128bits_withSeed(value, size, (uint64_t)id);
}

/* ---- opening and closing ------------------------------------------------ */

tm_store *tm_store_open(const char *path, uint64_t limit_bytes) {
  tm_store *store = calloc(1, sizeof *store);
  if (!store) return NULL;
  store->limit = limit_bytes ? limit_bytes : default_limit;
  if (path && !(store->path = strdup(path))) {
    free(store);
    return NULL;
  }
  return store;
}

static void delete_row(tm_store *store, tm_store_link *link, int64_t id) {
  sqlite3_stmt *statement = prepare(store, link, TM_STORE_DELETE);
  if (!statement) return;
  sqlite3_bind_int64(statement, 1, id);
  run(store, link, statement, "deleting");
}

/* Writes the times of use; inside a transaction. */
static void write_touched(tm_store *store, tm_store_link *link) {
  int64_t now = tmi_store_now();
  for (uint32_t i = 0; i < link->n_touched && link->db; i++) {
    sqlite3_stmt *statement = prepare(store, link, TM_STORE_TOUCH);
    if (!statement) break;
    /* Hits of one batch keep their order among each other. */
    sqlite3_bind_int64(statement, 1, link->touched[i]);
    sqlite3_bind_int64(statement, 2, now - link->n_touched + i);
    sqlite3_bind_int64(statement, 3, now + TM_STORE_AHEAD);
    run(store, link, statement, "noting a use");
  }
  link->n_touched = 0;
}

void tmi_store_flush(tm_store *store, tm_store_link *link) {
  if (!link->n_touched || !link->db || !link->writable) {
    link->n_touched = 0;
    return;
  }
  if (!run_text(store, link, "BEGIN IMMEDIATE")) {
    link->n_touched = 0;
    return;
  }
  write_touched(store, link);
  end_transaction(store, link, true);
}

void tm_store_close(tm_store *store) {
  if (!store) return;
  tm_store_link *link = atomic_load(&store->link);
  if (link && link->process == getpid()) {
    pthread_mutex_lock(&link->lock);
    tmi_store_flush(store, link);
    tmi_store_close_link(link);
    pthread_mutex_unlock(&link->lock);
    free_link(link);
  }
  free(store->path);
  free(store);
}

const char *tm_store_path(const tm_store *store) { return store->path; }

/* ---- reading ------------------------------------------------------------ */

static bool column_is(sqlite3_stmt *row, int column, const void *bytes,
                      size_t size) {
  const void *found = sqlite3_column_blob(row, column);
  return (size_t)sqlite3_column_bytes(row, column) == size &&
         (!size || (found && memcmp(found, bytes, size) == 0));
}

bool tmi_store_row_unread(sqlite3_stmt *row) {
  return sqlite3_errcode(sqlite3_db_handle(row)) == SQLITE_NOMEM;
}

static bool columns_are_ours(sqlite3_stmt *row, const int *types, int n) {
  for (int i = 0; i < n; i++)
    if (sqlite3_column_type(row, i) != types[i]) return false;
  return true;
}

typedef enum verdict { GOOD, OTHER, BAD } verdict;

/* Is the row that statement stands on the one for key, and sound? Columns
 * as in TM_STORE_GET. */
static verdict judge(sqlite3_stmt *row, int64_t id, uint64_t high,
                     const char *kind, const void *key, size_t key_size) {
  static const int types[] = {SQLITE_INTEGER, SQLITE_TEXT, SQLITE_BLOB,
                              SQLITE_BLOB, SQLITE_INTEGER, SQLITE_INTEGER};
  if (!columns_are_ours(row, types, 6)) return BAD;
  if ((uint64_t)sqlite3_column_int64(row, 0) != high) return OTHER;
  if (!column_is(row, 2, key, key_size)) return OTHER;
  if (!column_is(row, 1, kind, strlen(kind))) return OTHER;
  const void *value = sqlite3_column_blob(row, 3);
  size_t size = value ? (size_t)sqlite3_column_bytes(row, 3) : 0;
  XXH128_hash_t sum = hash_value(id, value, size);
  return sum.high64 == (uint64_t)sqlite3_column_int64(row, 4) &&
                 sum.low64 == (uint64_t)sqlite3_column_int64(row, 5)
             ? GOOD
             : BAD;
}

static bool copy_value(sqlite3_stmt *row, void **value, size_t *size) {
  *size = (size_t)sqlite3_column_bytes(row, 3);
  *value = malloc(*size + 1);
  if (!*value) return false;
  if (*size) memcpy(*value, sqlite3_column_blob(row, 3), *size);
  ((char *)*value)[*size] = 0;
  return true;
}

/* The hit itself. *failed: the miss is not for lack of a row. */
static bool get_locked(tm_store *store, tm_store_link *link, const char *kind,
                       const void *key, size_t key_size, void **value,
                       size_t *value_size, bool *failed) {
  *failed = true;
  if (!tmi_store_open_link(store, link)) return false;
  sqlite3_stmt *row = prepare(store, link, TM_STORE_GET);
  if (!row) return false;
  XXH128_hash_t hash = hash_key(kind, key, key_size);
  int64_t id = (int64_t)hash.low64;
  sqlite3_bind_int64(row, 1, id);
  int rc = sqlite3_step(row);
  verdict found = OTHER;
  bool hit = false;
  if (rc == SQLITE_ROW) {
    found = judge(row, id, hash.high64, kind, key, key_size);
    hit = found == GOOD && copy_value(row, value, value_size);
    if (found != GOOD && tmi_store_row_unread(row)) rc = SQLITE_NOMEM;
  }
  sqlite3_reset(row);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    tmi_store_failed(store, link, "reading", rc);
    return false;
  }
  *failed = found == BAD || (found == GOOD && !hit);
  if (found == BAD) {
    tmi_store_trouble(link, "a row's checksum is wrong", 0);
    if (link->writable) delete_row(store, link, id);
  }
  if (hit) {
    link->touched[link->n_touched++] = id;
    if (link->n_touched == TM_STORE_TOUCHED) tmi_store_flush(store, link);
  }
  return hit;
}

bool tm_store_get(tm_store *store, const char *kind, const void *key,
                  size_t key_size, void **value, size_t *value_size) {
  *value = NULL;
  *value_size = 0;
  bool failed = false, hit = false;
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (link) {
    hit = get_locked(store, link, kind, key, key_size, value, value_size,
                     &failed);
    tmi_store_unlock(link);
  }
  atomic_fetch_add(hit ? &store->hits : &store->misses, 1);
  if (failed) atomic_fetch_add(&store->failures, 1);
  return hit;
}

/* ---- writing ------------------------------------------------------------ */

static bool read_sum(tm_store *store, tm_store_link *link, uint64_t *rows,
                     uint64_t *bytes) {
  sqlite3_stmt *statement = prepare(store, link, TM_STORE_SUM);
  if (!statement) return false;
  int rc = sqlite3_step(statement);
  if (rc == SQLITE_ROW) {
    *rows = (uint64_t)sqlite3_column_int64(statement, 0);
    *bytes = (uint64_t)sqlite3_column_int64(statement, 1);
  }
  sqlite3_reset(statement);
  if (rc == SQLITE_ROW) return true;
  tmi_store_failed(store, link, "summing", rc);
  return false;
}

/* Deletes least recently used rows until a tenth below the limit, so that
 * not every store has to. Inside a transaction. */
static void evict(tm_store *store, tm_store_link *link) {
  uint64_t rows, bytes;
  if (!read_sum(store, link, &rows, &bytes)) return;
  if (bytes <= store->limit) return;
  uint64_t target = store->limit - store->limit / 10;
  while (bytes > target && link->db) {
    int64_t ids[64], sizes[64];
    int n = 0;
    sqlite3_stmt *oldest = prepare(store, link, TM_STORE_OLDEST);
    if (!oldest) return;
    sqlite3_bind_int64(oldest, 1, tmi_store_now() + TM_STORE_AHEAD);
    while (n < 64 && sqlite3_step(oldest) == SQLITE_ROW) {
      ids[n] = sqlite3_column_int64(oldest, 0);
      sizes[n++] = sqlite3_column_int64(oldest, 1);
    }
    sqlite3_reset(oldest);
    if (!n) return;
    for (int i = 0; i < n && bytes > target && link->db; i++) {
      delete_row(store, link, ids[i]);
      uint64_t size = sizes[i] > 0 ? (uint64_t)sizes[i] : 0;
      bytes = size < bytes ? bytes - size : 0;
    }
  }
}

static bool put_row(tm_store *store, tm_store_link *link, const char *kind,
                    const void *key, size_t key_size, const void *value,
                    size_t value_size, const char *label) {
  sqlite3_stmt *put = prepare(store, link, TM_STORE_PUT);
  if (!put) return false;
  XXH128_hash_t hash = hash_key(kind, key, key_size);
  int64_t id = (int64_t)hash.low64;
  XXH128_hash_t sum = hash_value(id, value, value_size);
  sqlite3_bind_int64(put, 1, id);
  sqlite3_bind_int64(put, 2, (int64_t)hash.high64);
  sqlite3_bind_int64(put, 3, (int64_t)(key_size + value_size));
  sqlite3_bind_int64(put, 4, tmi_store_now());
  sqlite3_bind_int64(put, 5, (int64_t)sum.high64);
  sqlite3_bind_int64(put, 6, (int64_t)sum.low64);
  sqlite3_bind_text(put, 7, kind, -1, SQLITE_STATIC);
  sqlite3_bind_text(put, 8, label ? label : "", -1, SQLITE_STATIC);
  /* A NULL pointer would bind NULL; an empty blob is meant. */
  sqlite3_bind_blob64(put, 9, key_size ? key : "", key_size, SQLITE_STATIC);
  sqlite3_bind_blob64(put, 10, value_size ? value : "", value_size,
                      SQLITE_STATIC);
  return run(store, link, put, "storing");
}

static bool put_locked(tm_store *store, tm_store_link *link, const char *kind,
                       const void *key, size_t key_size, const void *value,
                       size_t value_size, const char *label) {
  if (!tmi_store_open_link(store, link)) return false;
  if (!link->writable) {
    tmi_store_trouble(link, "the file is read-only", 0);
    return false;
  }
  if (!run_text(store, link, "BEGIN IMMEDIATE")) return false;
  bool good = put_row(store, link, kind, key, key_size, value, value_size,
                      label);
  if (link->db) write_touched(store, link);
  link->put_bytes += key_size + value_size;
  if (link->db &&
      (!link->summed || link->put_bytes > store->limit / SUM_PART)) {
    evict(store, link);
    link->summed = true;
    link->put_bytes = 0;
  }
  return end_transaction(store, link, good);
}

bool tm_store_put(tm_store *store, const char *kind, const void *key,
                  size_t key_size, const void *value, size_t value_size,
                  const char *label) {
  if (!store->path) return false;
  bool good = false;
  tm_store_link *link = NULL;
  /* A row over half of the limit would only push all others out. */
  uint64_t size = (uint64_t)key_size + value_size;
  if (size <= TM_STORE_LARGEST && size <= store->limit / 2)
    link = tmi_store_lock(store);
  if (link) {
    good = put_locked(store, link, kind, key, key_size, value, value_size,
                      label);
    tmi_store_unlock(link);
  }
  atomic_fetch_add(good ? &store->stores : &store->failures, 1);
  return good;
}

void tm_store_drop(tm_store *store, const char *kind, const void *key,
                   size_t key_size) {
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (!link) return;
  if (tmi_store_open_link(store, link) && link->writable)
    delete_row(store, link, (int64_t)hash_key(kind, key, key_size).low64);
  tmi_store_unlock(link);
}

/* ---- looking after it --------------------------------------------------- */

void tm_store_get_stats(tm_store *store, tm_store_stats *stats) {
  memset(stats, 0, sizeof *stats);
  stats->hits = atomic_load(&store->hits);
  stats->misses = atomic_load(&store->misses);
  stats->stores = atomic_load(&store->stores);
  stats->failures = atomic_load(&store->failures);
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (!link) return;
  if (tmi_store_open_link(store, link)) {
    stats->usable = read_sum(store, link, &stats->rows, &stats->bytes);
    stats->writable = stats->usable && link->writable;
  }
  memcpy(stats->trouble, link->trouble, sizeof stats->trouble);
  tmi_store_unlock(link);
}

uint64_t tm_store_failures(tm_store *store) {
  return atomic_load(&store->failures);
}

bool tm_store_each(tm_store *store,
                   bool (*each)(void *, const tm_store_row *),
                   void *payload) {
  if (!store->path) return true;
  tm_store_link *link = tmi_store_lock(store);
  if (!link) return false;
  sqlite3_stmt *statement = NULL;
  int rc = SQLITE_ERROR;
  if (tmi_store_open_link(store, link)) {
    tmi_store_flush(store, link);
    if (link->db)
      sqlite3_prepare_v2(link->db,
                         "SELECT id,high,kind,label,length(key),length(value),"
                         "uses,created,used FROM row ORDER BY used DESC,id",
                         -1, &statement, NULL);
  }
  while (statement && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
    const char *kind = (const char *)sqlite3_column_text(statement, 2);
    const char *label = (const char *)sqlite3_column_text(statement, 3);
    if ((!kind || !label) && tmi_store_row_unread(statement)) {
      rc = SQLITE_NOMEM;
      break;
    }
    tm_store_row row = {
        .kind = kind ? kind : "",
        .label = label ? label : "",
        .hash_low = (uint64_t)sqlite3_column_int64(statement, 0),
        .hash_high = (uint64_t)sqlite3_column_int64(statement, 1),
        .key_size = (uint64_t)sqlite3_column_int64(statement, 4),
        .value_size = (uint64_t)sqlite3_column_int64(statement, 5),
        .uses = (uint64_t)sqlite3_column_int64(statement, 6),
        .created = sqlite3_column_int64(statement, 7) / 1000000,
        .used = sqlite3_column_int64(statement, 8) / 1000000};
    if (!each(payload, &row)) break;
  }
  bool whole = rc == SQLITE_DONE || rc == SQLITE_ROW;
  sqlite3_finalize(statement);
  if (!whole && link->db) tmi_store_failed(store, link, "listing", rc);
  tmi_store_unlock(link);
  return whole;
}

tm_store_soundness tmi_store_check_row(sqlite3_stmt *row) {
  const char *kind = (const char *)sqlite3_column_text(row, 1);
  const void *key = sqlite3_column_blob(row, 2);
  size_t size = key ? (size_t)sqlite3_column_bytes(row, 2) : 0;
  int64_t id = sqlite3_column_int64(row, 6);
  bool sound = kind && sqlite3_column_type(row, 2) == SQLITE_BLOB;
  if (sound) {
    XXH128_hash_t hash = hash_key(kind, key, size);
    sound = hash.low64 == (uint64_t)id &&
            judge(row, id, hash.high64, kind, key, size) == GOOD;
  }
  if (sound) return TM_ROW_SOUND;
  return tmi_store_row_unread(row) ? TM_ROW_UNREAD : TM_ROW_BAD;
}

/* Up to 64 bad ids after `from`, in *bad; counts the good ones on the way.
 * Returns how many, -1 when the file cannot be read to its end. */
static int find_bad(tm_store *store, tm_store_link *link, int64_t *from,
                    bool *first, int64_t bad[64], uint64_t *good) {
  sqlite3_stmt *row = NULL;
  int rc = sqlite3_prepare_v2(
      link->db,
      *first ? "SELECT high,kind,key,value,sum_high,sum_low,id FROM row "
               "WHERE id>=?1 ORDER BY id"
             : "SELECT high,kind,key,value,sum_high,sum_low,id FROM row "
               "WHERE id>?1 ORDER BY id",
      -1, &row, NULL);
  int n = 0;
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(row, 1, *from);
    while (n < 64 && (rc = sqlite3_step(row)) == SQLITE_ROW) {
      tm_store_soundness found = tmi_store_check_row(row);
      if (found == TM_ROW_UNREAD) {
        rc = SQLITE_NOMEM;
        break;
      }
      *from = sqlite3_column_int64(row, 6);
      if (found == TM_ROW_SOUND)
        ++*good;
      else
        bad[n++] = *from;
    }
    *first = false;
  }
  sqlite3_finalize(row);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return n;
  tmi_store_failed(store, link, "checking", rc);
  return -1;
}

bool tm_store_verify(tm_store *store, uint64_t *good, uint64_t *bad) {
  *good = *bad = 0;
  if (!store->path) return true;
  tm_store_link *link = tmi_store_lock(store);
  if (!link) return false;
  int64_t from = INT64_MIN, ids[64];
  bool first = true;
  int n = 64;
  if (!tmi_store_open_link(store, link)) n = -1;
  while (n == 64) { /* fewer: the last were found */
    n = find_bad(store, link, &from, &first, ids, good);
    if (n < 0 && !link->db) ++*bad; /* what is damaged was set aside */
    for (int i = 0; i < n; i++) {
      ++*bad;
      if (link->db && link->writable) delete_row(store, link, ids[i]);
    }
    if (!link->db) break;
  }
  bool whole = n >= 0 || !link->db;
  tmi_store_unlock(link);
  return whole;
}

bool tm_store_clear(tm_store *store) {
  tm_store_link *link = store->path ? tmi_store_lock(store) : NULL;
  if (!link) return false;
  bool done = tmi_store_open_link(store, link) && link->writable &&
              run_text(store, link, "DELETE FROM row");
  link->n_touched = 0;
  if (done) sqlite3_exec(link->db, "VACUUM", NULL, NULL, NULL);
  tmi_store_unlock(link);
  return done;
}
