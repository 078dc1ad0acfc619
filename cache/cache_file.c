/* SPDX-License-Identifier: MIT */
/*
 * cache_file.c - opening the database, and what to do when that goes wrong.
 *
 *   no file            made, 0600, its folders 0700
 *   an empty database  becomes ours: tables and marks are written
 *   ours               used; application_id and user_version tell
 *   of the future      left alone: a newer library shares the folder
 *   someone else's     left alone
 *   ours by its marks, damaged, or made to do something else: set aside as
 *   not by its tables  what is damaged is
 *   not SQLite, or     renamed to <path>.corrupt-N with its log, and a new
 *   damaged            one made; N from 1 to 9, then 9 is overwritten
 *   others may write   left alone: rows are programs for the GPU
 *   read-only          read, never written
 *   a pack (pack.c)    the same, and never made or renamed
 *
 * The write-ahead log lets readers go on while one process writes. Commits
 * do not wait for the disk (synchronous=NORMAL): what a power cut takes is
 * compiled again.
 */
#define _GNU_SOURCE
#include "cacheint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  APPLICATION_ID = 0x544d6b63, /* "TMkc" */
  SCHEMA_VERSION = 1, /* another one with any change to the schema's text */
  BUSY_MS = 50,      /* longest wait for a lock; then it is a miss */
  RETRY_SECONDS = 1, /* after a failed open, misses cost nothing so long */
  MOST_SET_ASIDE = 9
};

/* Small columns first, so that listing does not read the blobs' pages. */
static const char schema[] =
    "CREATE TABLE row("
    "id INTEGER PRIMARY KEY," /* low half of the xxHash-128 of kind and key */
    "high INTEGER NOT NULL,"  /* its high half */
    "size INTEGER NOT NULL,"  /* bytes of key and value */
    "uses INTEGER NOT NULL,"
    "created INTEGER NOT NULL," /* microseconds since 1970 */
    "used INTEGER NOT NULL,"
    "sum_high INTEGER NOT NULL," /* xxHash-128 of value, seeded with id */
    "sum_low INTEGER NOT NULL,"
    "kind TEXT NOT NULL,"
    "label TEXT NOT NULL,"
    "key BLOB NOT NULL,"
    "value BLOB NOT NULL)";

void tmi_store_trouble(tm_store_link *link, const char *what, int code) {
  if (link->trouble[0]) return;
  if (code)
    snprintf(link->trouble, sizeof link->trouble, "%s: %s", what,
             sqlite3_errstr(code & 0xff));
  else
    snprintf(link->trouble, sizeof link->trouble, "%s", what);
}

/* ---- files -------------------------------------------------------------- */

/* Makes the folders of path that are missing. */
static void make_folders(const char *path) {
  char *copy = strdup(path);
  if (!copy) return;
  for (char *p = copy + 1; *p; p++) {
    if (*p != '/') continue;
    *p = 0;
    mkdir(copy, 0700); /* one that exists stays as it is */
    *p = '/';
  }
  free(copy);
}

/* SQLite would make the file as the umask says. Where somebody deleted just
 * the database, its log and the log's index are there still. The index may be
 * mapped by a connection of this process to the deleted file; SQLite, which
 * finds no other user of the new one, would cut it short, and the next read
 * through that mapping would be a SIGBUS. So a new file gets new ones. */
static void make_file(const char *path) {
  if (access(path, F_OK) != 0 && errno == ENOENT) {
    static const char *const parts[] = {"-shm", "-wal"};
    char name[4096];
    for (size_t i = 0; i < 2; i++)
      if (snprintf(name, sizeof name, "%s%s", path, parts[i]) <
          (int)sizeof name)
        unlink(name);
  }
  int file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
}

static bool others_may_write(const char *path, struct stat *st) {
  if (stat(path, st) != 0) return false;
  if (st->st_uid != geteuid() && st->st_uid != 0) return true;
  return (st->st_mode & S_IWOTH) != 0;
}

/* Renames path to path + suffix; both parts may be missing. */
static void rename_part(const char *path, const char *part, int number) {
  char from[4096], to[4096];
  int a = snprintf(from, sizeof from, "%s%s", path, part);
  int b = snprintf(to, sizeof to, "%s.corrupt-%d%s", path, number, part);
  if (a < (int)sizeof from && b < (int)sizeof to) rename(from, to);
}

void tmi_store_set_aside(tm_store *store, tm_store_link *link) {
  tmi_store_close_link(link);
  if (store->is_pack) return;
  struct stat st;
  /* Another process may have done it already: then just open again. */
  if (stat(store->path, &st) != 0 || st.st_ino != link->inode ||
      st.st_dev != link->device)
    return;
  int number = 1;
  for (; number < MOST_SET_ASIDE; number++) {
    char to[4096];
    int n = snprintf(to, sizeof to, "%s.corrupt-%d", store->path, number);
    if (n >= (int)sizeof to || access(to, F_OK) != 0) break;
  }
  rename_part(store->path, "", number);
  rename_part(store->path, "-wal", number);
  char shm[4096];
  if (snprintf(shm, sizeof shm, "%s-shm", store->path) < (int)sizeof shm)
    unlink(shm);
}

/* ---- opening ------------------------------------------------------------ */

static int read_number(sqlite3 *db, const char *sql, int64_t *out) {
  sqlite3_stmt *statement;
  int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
      *out = sqlite3_column_int64(statement, 0);
      rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
      rc = SQLITE_CORRUPT;
    }
  }
  sqlite3_finalize(statement);
  return rc;
}

/* A database of strangers may hold traps; ours has neither views nor
 * triggers nor functions in its schema. */
static void harden(sqlite3 *db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
#ifdef SQLITE_DBCONFIG_TRUSTED_SCHEMA
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
#endif
  /* Pages are checked as they are read, not when they are found to be odd. */
  sqlite3_exec(db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, TM_STORE_LARGEST + 65536);
}

/* An empty database becomes ours; two processes may try at once. */
static int initialise(sqlite3 *db) {
  int rc = sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
                                         NULL);
  if (rc != SQLITE_OK) return rc;
  int64_t tables = 0;
  rc = read_number(db, "SELECT count(*) FROM sqlite_master", &tables);
  if (rc == SQLITE_OK && !tables) {
    char marks[96];
    snprintf(marks, sizeof marks,
             "PRAGMA application_id=%d; PRAGMA user_version=%d",
             APPLICATION_ID, SCHEMA_VERSION);
    rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, marks, NULL, NULL, NULL);
  }
  if (rc == SQLITE_OK) return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
  sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return rc;
}

/* Is there exactly our table, in our words? Another could have checks,
 * indices or columns that are computed: a stranger's expressions that our
 * statements would run. */
static int check_tables(sqlite3 *db) {
  sqlite3_stmt *statement;
  int rc = sqlite3_prepare_v2(
      db, "SELECT count(*),coalesce(sum(name='row' AND sql=?1),0) "
          "FROM sqlite_master", -1, &statement, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_bind_text(statement, 1, schema, -1,
                                              SQLITE_STATIC);
  if (rc == SQLITE_OK) rc = sqlite3_step(statement);
  if (rc == SQLITE_ROW)
    rc = sqlite3_column_int64(statement, 0) == 1 &&
                 sqlite3_column_int64(statement, 1) == 1
             ? SQLITE_OK
             : SQLITE_CORRUPT;
  sqlite3_finalize(statement);
  return rc;
}

/* Reads whose database it is. False: not to be used, trouble says why;
 * *rc is SQLite's code when it failed. */
static bool claim(tm_store_link *link, int *rc) {
  int64_t id = 0, version = 0, tables = 0;
  *rc = read_number(link->db, "PRAGMA application_id", &id);
  if (*rc == SQLITE_OK)
    *rc = read_number(link->db, "PRAGMA user_version", &version);
  if (*rc == SQLITE_OK && !id)
    *rc = read_number(link->db, "SELECT count(*) FROM sqlite_master", &tables);
  if (*rc != SQLITE_OK) return false;
  if (!id && !version && !tables) {
    if (!link->writable) {
      tmi_store_trouble(link, "the file is empty and read-only", 0);
      return false;
    }
    *rc = initialise(link->db);
    return *rc == SQLITE_OK;
  }
  if (id != APPLICATION_ID) {
    tmi_store_trouble(link, "the file is another program's database", 0);
    return false;
  }
  if (version != SCHEMA_VERSION) {
    tmi_store_trouble(link, "the file belongs to a newer libtritonmetal", 0);
    return false;
  }
  *rc = check_tables(link->db);
  return *rc == SQLITE_OK;
}

static int open_as(tm_store_link *link, const char *name, int flags) {
  int rc = sqlite3_open_v2(name, &link->db,
                           flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
                           NULL);
  if (rc != SQLITE_OK) return rc;
  sqlite3_busy_timeout(link->db, BUSY_MS);
  harden(link->db);
  return sqlite3_exec(link->db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
}

/* "file:" name of path with SQLite's immutable mode; NULL without memory. */
static char *immutable_name(const char *path) {
  static const char hex[] = "0123456789abcdef";
  char *name = malloc(3 * strlen(path) + 32), *out = name;
  if (!name) return NULL;
  out += sprintf(out, "file:");
  for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
    if (*p == '%' || *p == '?' || *p == '#') {
      *out++ = '%';
      *out++ = hex[*p >> 4];
      *out++ = hex[*p & 15];
    } else {
      *out++ = (char)*p;
    }
  }
  strcpy(out, "?immutable=1");
  return name;
}

/* In a folder that cannot be written the log's index cannot be made; the
 * file then cannot change either, which SQLite must be told. */
static bool open_read_only(tm_store *store, tm_store_link *link, int *rc) {
  tmi_store_close_link(link);
  link->writable = false;
  char *name = immutable_name(store->path);
  if (!name) return false;
  *rc = open_as(link, name, SQLITE_OPEN_READONLY);
  free(name);
  return *rc == SQLITE_OK && claim(link, rc);
}

static bool is_damage(int rc) {
  return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static bool open_once(tm_store *store, tm_store_link *link, int *rc) {
  struct stat st;
  *rc = SQLITE_OK;
  if (others_may_write(store->path, &st)) {
    tmi_store_trouble(link, "other users may write the file", 0);
    return false;
  }
  if (stat(store->path, &st) != 0) {
    tmi_store_trouble(link, store->is_pack ? "there is no such file"
                                           : "the file cannot be made",
                      store->is_pack ? 0 : SQLITE_CANTOPEN);
    return false;
  }
  link->inode = st.st_ino;
  link->device = st.st_dev;
  link->writable = !store->is_pack && access(store->path, W_OK) == 0;
  if (!link->writable) return open_read_only(store, link, rc);
  *rc = open_as(link, store->path, SQLITE_OPEN_READWRITE);
  if (*rc == SQLITE_OK && claim(link, rc)) return true;
  int code = *rc & 0xff;
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)
    return open_read_only(store, link, rc);
  return false;
}

bool tmi_store_open_link(tm_store *store, tm_store_link *link) {
  if (link->db) return true;
  if (!store->path) return false;
  time_t now = time(NULL);
  if (link->retry_at > now && link->retry_at <= now + RETRY_SECONDS)
    return false;
  if (!store->is_pack) make_folders(store->path);
  for (int attempt = 0; attempt < 2; attempt++) {
    int rc;
    if (!store->is_pack) make_file(store->path);
    if (open_once(store, link, &rc)) return true;
    if (rc != SQLITE_OK) tmi_store_trouble(link, "opening", rc);
    if (!is_damage(rc) || store->is_pack) break;
    tmi_store_set_aside(store, link);
  }
  tmi_store_close_link(link);
  link->retry_at = now + RETRY_SECONDS;
  return false;
}

void tmi_store_close_link(tm_store_link *link) {
  for (int i = 0; i < TM_STORE_STATEMENTS; i++) {
    sqlite3_finalize(link->statements[i]);
    link->statements[i] = NULL;
  }
  sqlite3_close(link->db);
  link->db = NULL;
}

/* What a failed statement means for the link. */
void tmi_store_failed(tm_store *store, tm_store_link *link, const char *what,
                      int rc) {
  tmi_store_trouble(link, what, rc);
  if (!is_damage(rc)) return;
  /* What is read as unchanging may only look damaged while others write. */
  if (link->writable)
    tmi_store_set_aside(store, link);
  else
    tmi_store_close_link(link);
}
