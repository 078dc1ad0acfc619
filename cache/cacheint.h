/* SPDX-License-Identifier: MIT */
/* cacheint.h - what the files of cache/ share. */
#ifndef TM_CACHEINT_H
#define TM_CACHEINT_H

#include "cache.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
  /* Largest key or value, in bytes. MSL of a kernel is some tens of KB and a
   * pipeline archive a few MB; more is a mistake or an attack. */
  TM_STORE_LARGEST = 64 << 20,
  TM_STORE_TOUCHED = 64 /* hits noted in memory before they are written */
};

/* Microseconds that clocks of computers which share a file may differ by: a
 * day. A time of use further ahead is of a clock that was wrong. */
#define TM_STORE_AHEAD INT64_C(86400000000)

typedef enum tm_store_statement {
  TM_STORE_GET, TM_STORE_PUT, TM_STORE_DELETE, TM_STORE_TOUCH,
  TM_STORE_SUM, TM_STORE_OLDEST, TM_STORE_STATEMENTS
} tm_store_statement;

/* One process's connection. A SQLite connection must not be used on both
 * sides of a fork(): the child finds another process's number in it, leaves
 * it as it is, lock and all, and makes its own. */
typedef struct tm_store_link {
  pid_t process;
  pthread_mutex_t lock;  /* over everything below */
  sqlite3 *db;           /* NULL: not open */
  sqlite3_stmt *statements[TM_STORE_STATEMENTS]; /* made when first used */
  bool writable;
  time_t retry_at;       /* after a failure: not before this time */
  ino_t inode;           /* of the file that was opened */
  dev_t device;
  int64_t touched[TM_STORE_TOUCHED]; /* ids of rows hit since the last write */
  uint32_t n_touched;
  bool summed;           /* the file's size has been looked at */
  uint64_t put_bytes;    /* stored since then */
  char trouble[160];
} tm_store_link;

struct tm_store {
  char *path;            /* NULL: a store that only misses */
  uint64_t limit;        /* bytes */
  bool is_pack;          /* only read, and only if it is there */
  _Atomic(tm_store_link *) link;
  atomic_uint_fast64_t hits, misses, stores, failures;
};

/* This process's link, locked; NULL without memory. */
tm_store_link *tmi_store_lock(tm_store *store);
void tmi_store_unlock(tm_store_link *link);
/* Writes the times of use that were only noted. Lock held. */
void tmi_store_flush(tm_store *store, tm_store_link *link);
typedef enum tm_store_soundness {
  TM_ROW_SOUND,
  TM_ROW_BAD,
  TM_ROW_UNREAD /* there is no memory to look at it: it may be sound */
} tm_store_soundness;

/* Of columns high, kind, key, value, sum_high, sum_low, id. */
tm_store_soundness tmi_store_check_row(sqlite3_stmt *row);
/* Did reading a column of the row fail for want of memory? SQLite gives NULL
 * for such, as for a column that is NULL. */
bool tmi_store_row_unread(sqlite3_stmt *row);

/* Microseconds since 1970. */
int64_t tmi_store_now(void);

/* Opens link when it is not; false: this call is a miss. Lock held. */
bool tmi_store_open_link(tm_store *store, tm_store_link *link);
void tmi_store_close_link(tm_store_link *link);
/* Renames the file that link had open, unless another process has. */
void tmi_store_set_aside(tm_store *store, tm_store_link *link);
/* Notes the first trouble; sets a damaged file aside. */
void tmi_store_failed(tm_store *store, tm_store_link *link, const char *what,
                      int rc);
void tmi_store_trouble(tm_store_link *link, const char *what, int code);

#endif
