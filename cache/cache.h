/* SPDX-License-Identifier: MIT */
/*
 * cache.h - a shared store of bytes by key, in one SQLite database.
 *
 * The store knows keys and bytes only. It is an accelerator, never a judge:
 * a lookup either returns exactly the bytes that were stored under exactly
 * that key, or it is a miss. A locked, read-only, full, missing or corrupt
 * file, a foreign database, a wrong checksum: all are counted misses; a
 * corrupt file is set aside (renamed) and a new one made. Nothing here
 * prints, and no failure is ever the caller's.
 *
 * Any number of processes and threads share one file (WAL). A tm_store may
 * be used by several threads at once; it holds one connection behind a lock.
 */
#ifndef TM_CACHE_H
#define TM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tm_store tm_store;

typedef struct tm_store_stats {
  uint64_t hits, misses, stores;  /* by this tm_store */
  uint64_t failures;              /* misses and lost stores caused by errors */
  uint64_t rows, bytes;           /* in the file now; 0 if it cannot be read */
  bool usable;                    /* the file is open and can be read */
  bool writable;
  char trouble[160];              /* the first failure, in words; "" if none */
} tm_store_stats;

/* Opens or makes the database at path (its folders too, private to the
 * user). path NULL: a store that only misses. limit_bytes: evict least
 * recently used rows above it; 0: 512 MiB. Never fails; NULL only when there
 * is no memory. */
tm_store *tm_store_open(const char *path, uint64_t limit_bytes);
void tm_store_close(tm_store *store);

/* Looks up kind + key (any bytes; stored whole and compared whole). On a hit
 * *value is malloc'ed, the caller frees it. */
bool tm_store_get(tm_store *store, const char *kind, const void *key,
                  size_t key_size, void **value, size_t *value_size);
/* Stores or replaces; false: it could not. label is shown by lists: kernel and chip. */
bool tm_store_put(tm_store *store, const char *kind, const void *key,
                  size_t key_size, const void *value, size_t value_size,
                  const char *label);

/* The hash that a row is known by, as tm_store_row has it. */
void tm_store_hash(const char *kind, const void *key, size_t key_size,
                   uint64_t *high, uint64_t *low);

void tm_store_get_stats(tm_store *store, tm_store_stats *stats);
uint64_t tm_store_failures(tm_store *store); /* of the stats, at no cost */
/* Calls back for every row, newest use first, until it returns false. False:
 * the file could not be read to its end. */
typedef struct tm_store_row {
  const char *kind, *label;
  uint64_t hash_high, hash_low; /* xxHash-128 of the key */
  uint64_t key_size, value_size, uses;
  int64_t created, used;        /* seconds since 1970 */
} tm_store_row;
bool tm_store_each(tm_store *store, bool (*row)(void *, const tm_store_row *),
                   void *payload);
/* Checks every row's checksum; deletes bad ones. Counts both. False: the file
 * could not be read to its end, for another reason than damage. */
bool tm_store_verify(tm_store *store, uint64_t *good, uint64_t *bad);
/* Deletes every row; true when it could. */
bool tm_store_clear(tm_store *store);
/* ---- claim.c ------------------------------------------------------------ */

typedef struct tm_store_claim {
  int file;      /* -1: not held */
  int64_t byte;
  bool waited;   /* somebody else held it first: the row may be there now */
} tm_store_claim;

/* Claims the making of a row among all processes that share the file, and
 * waits for others at most so long. Not getting it is no failure: the caller
 * makes the row anyway. */
tm_store_claim tm_store_claim_row(tm_store *store, const char *kind,
                                  const void *key, size_t key_size,
                                  uint32_t wait_ms);
void tm_store_release_row(tm_store_claim *claim);

/* ---- pack.c ------------------------------------------------------------ */

/* Opens an existing file to read it; nothing is made, renamed or written.
 * NULL only when there is no memory. */
tm_store *tm_store_open_pack(const char *path);
/* Copies the sound rows of a kind (NULL: all) from one store to another;
 * counts them and those left out, unsound or not storable. False: `from`
 * could not be read to its end. */
bool tm_store_copy(tm_store *from, tm_store *to, const char *kind,
                   uint64_t *copied, uint64_t *left_out);
/* Brings all that was stored into the one file, so that it may be renamed or
 * sent away when the store is closed. False: it could not. */
bool tm_store_settle(tm_store *store);
/* Deletes the row of that key. */
void tm_store_drop(tm_store *store, const char *kind, const void *key,
                   size_t key_size);
/* Deletes the rows of a kind whose keys do not begin with prefix. False: the
 * file cannot be written. */
bool tm_store_drop_others(tm_store *store, const char *kind,
                          const void *prefix, size_t prefix_size,
                          uint64_t *deleted);
/* Deletes rows last used before that time (seconds since 1970). False: the
 * file cannot be written. */
bool tm_store_prune(tm_store *store, int64_t used_before, uint64_t *deleted);

/* The path it was opened with; NULL for a store without a file. */
const char *tm_store_path(const tm_store *store);

#endif
