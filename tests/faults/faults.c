/* SPDX-License-Identifier: MIT */
/* faults.c - see faults.h. */
#define _GNU_SOURCE
#include "faults.h"

#include "../../lib/base/base.h"
#include "../../runtime/metal/metal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what fails ------------------------------------------------------------ */

static atomic_int armed = -1; /* a fault_kind; -1: none */
static _Atomic uint64_t seen;
static uint64_t first;
static bool later;
static uint64_t rate; /* 0: none */

void faults_arm(fault_kind kind, uint64_t nth, bool all_later) {
  seen = 0;
  first = nth;
  later = all_later;
  rate = 0;
  armed = (int)kind;
}

void faults_arm_rate(fault_kind kind, uint64_t of) {
  seen = 0;
  rate = of;
  armed = (int)kind;
}

uint64_t faults_disarm(void) {
  armed = -1;
  return seen;
}

static bool fails(fault_kind kind) {
  if (armed != (int)kind) return false;
  uint64_t n = atomic_fetch_add(&seen, 1) + 1;
  if (rate) return (n * 0x9e3779b97f4a7c15u >> 20) % rate == 0;
  return n == first || (later && n > first);
}

/* ---- live allocations -------------------------------------------------------- */

enum { SLOTS = 1 << 18 };

typedef struct slot {
  uintptr_t pointer; /* 0: free, 1: was used */
  uint64_t number;
  const void *caller;
} slot;

static slot table[SLOTS];
static size_t live;
static uint64_t allocations;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(uintptr_t p) { return (p >> 4) * 2654435761u % SLOTS; }

static void *enter(void *p, const void *caller) {
  if (!p) return NULL;
  pthread_mutex_lock(&table_lock);
  size_t at = place_of((uintptr_t)p);
  while (table[at].pointer > 1) at = (at + 1) % SLOTS;
  table[at] = (slot){(uintptr_t)p, ++allocations, caller};
  live++;
  pthread_mutex_unlock(&table_lock);
  return p;
}

static void leave(const void *p) {
  if (!p) return;
  pthread_mutex_lock(&table_lock);
  size_t at = place_of((uintptr_t)p);
  while (table[at].pointer && table[at].pointer != (uintptr_t)p)
    at = (at + 1) % SLOTS;
  if (table[at].pointer) { /* else it is another library's */
    table[at].pointer = 1;
    live--;
  }
  pthread_mutex_unlock(&table_lock);
}

size_t faults_live(void) { return live; }
uint64_t faults_mark(void) { return allocations; }

void faults_print_since(uint64_t mark) {
  int lines = 8;
  for (size_t i = 0; i < SLOTS && lines; i++) {
    if (table[i].pointer <= 1 || table[i].number <= mark) continue;
    Dl_info info = {0};
    dladdr(table[i].caller, &info);
    fprintf(stderr, "  left: allocation %llu, made in %s+%#lx\n",
            (unsigned long long)(table[i].number - mark),
            info.dli_sname ? info.dli_sname : "?",
            (unsigned long)((uintptr_t)table[i].caller -
                            (uintptr_t)info.dli_fbase));
    lines--;
  }
}

/* ---- allocations ----------------------------------------------------------- */

#if defined(__APPLE__)
/* Two-level names: these are this program's alone, libraries keep theirs. */
#include <malloc/malloc.h>
#define REAL_MALLOC(n) malloc_zone_malloc(malloc_default_zone(), n)
#define REAL_CALLOC(n, m) malloc_zone_calloc(malloc_default_zone(), n, m)
#define REAL_REALLOC(p, n) malloc_zone_realloc(malloc_default_zone(), p, n)
#define REAL_FREE(p) \
  do                 \
    if (p) malloc_zone_free(malloc_zone_from_ptr(p), p); \
  while (0)
#define OURS(name) name
#else
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
#define REAL_MALLOC(n) __real_malloc(n)
#define REAL_CALLOC(n, m) __real_calloc(n, m)
#define REAL_REALLOC(p, n) __real_realloc(p, n)
#define REAL_FREE(p) __real_free(p)
#define OURS(name) __wrap_##name
#endif
#define CALLER __builtin_return_address(0)

void *OURS(malloc)(size_t n);
void *OURS(calloc)(size_t n, size_t m);
void *OURS(realloc)(void *p, size_t n);
void OURS(free)(void *p);
char *OURS(strdup)(const char *text);
char *OURS(strndup)(const char *text, size_t n);

void *OURS(malloc)(size_t n) {
  return fails(FAULT_MALLOC) ? NULL : enter(REAL_MALLOC(n), CALLER);
}
void *OURS(calloc)(size_t n, size_t m) {
  return fails(FAULT_MALLOC) ? NULL : enter(REAL_CALLOC(n, m), CALLER);
}
void *OURS(realloc)(void *p, size_t n) {
  if (fails(FAULT_MALLOC)) return NULL;
  leave(p); /* before another thread may get the address */
  return enter(REAL_REALLOC(p, n), CALLER);
}
void OURS(free)(void *p) {
  leave(p);
  REAL_FREE(p);
}
static char *copy(const char *text, size_t n, const void *caller) {
  char *p = fails(FAULT_MALLOC) ? NULL : enter(REAL_MALLOC(n + 1), caller);
  if (!p) return NULL;
  memcpy(p, text, n);
  p[n] = 0;
  return p;
}
char *OURS(strdup)(const char *text) {
  return copy(text, strlen(text), CALLER);
}
char *OURS(strndup)(const char *text, size_t n) {
  return copy(text, strnlen(text, n), CALLER);
}

/* ---- arenas ----------------------------------------------------------------- */

#if !defined(__APPLE__) /* whose linker cannot wrap a function of an archive */
void *__real_tm_alloc(tm_arena *arena, size_t size);
void *__real_tm_alloc_array(tm_arena *arena, size_t count, size_t size);
char *__real_tm_strndup(tm_arena *arena, const char *text, size_t n);
void *__wrap_tm_alloc(tm_arena *arena, size_t size);
void *__wrap_tm_alloc_array(tm_arena *arena, size_t count, size_t size);
char *__wrap_tm_strndup(tm_arena *arena, const char *text, size_t n);

/* More than any limit is what ends an arena. */
static void exhaust(tm_arena *arena) {
  if (fails(FAULT_ARENA)) __real_tm_alloc(arena, SIZE_MAX);
}
void *__wrap_tm_alloc(tm_arena *arena, size_t size) {
  exhaust(arena);
  return __real_tm_alloc(arena, size);
}
void *__wrap_tm_alloc_array(tm_arena *arena, size_t count, size_t size) {
  exhaust(arena);
  return __real_tm_alloc_array(arena, count, size);
}
char *__wrap_tm_strndup(tm_arena *arena, const char *text, size_t n) {
  exhaust(arena);
  return __real_tm_strndup(arena, text, n);
}
#endif

/* ---- SQLite's memory --------------------------------------------------------- */

static sqlite3_mem_methods memory;

static void *sqlite_malloc(int n) {
  return fails(FAULT_SQLITE_MEMORY) ? NULL : memory.xMalloc(n);
}
static void *sqlite_realloc(void *p, int n) {
  return fails(FAULT_SQLITE_MEMORY) ? NULL : memory.xRealloc(p, n);
}

/* ---- SQLite's files: a VFS around the default one ------------------------------ */

static sqlite3_vfs *under;

typedef struct file {
  sqlite3_file base;
  sqlite3_file *real; /* behind this structure */
} file;

static sqlite3_file *real_of(sqlite3_file *f) { return ((file *)f)->real; }

/* narrow: the kind of fault that is of such operations only. */
#define FORWARD_KIND(name, narrow, code, parameters, ...)             \
  static int name parameters {                                        \
    if (fails(FAULT_SQLITE_FILE) || fails(narrow)) return code;       \
    return real_of(f)->pMethods->name(real_of(f), ##__VA_ARGS__);     \
  }
#define FORWARD(name, ...) FORWARD_KIND(name, FAULT_KINDS, __VA_ARGS__)
FORWARD(xRead, SQLITE_IOERR_READ,
        (sqlite3_file * f, void *p, int n, sqlite3_int64 at), p, n, at)
FORWARD_KIND(xWrite, FAULT_SQLITE_WRITE, SQLITE_FULL,
        (sqlite3_file * f, const void *p, int n, sqlite3_int64 at), p, n, at)
FORWARD(xTruncate, SQLITE_IOERR_TRUNCATE,
        (sqlite3_file * f, sqlite3_int64 n), n)
FORWARD(xSync, SQLITE_IOERR_FSYNC, (sqlite3_file * f, int flags), flags)
FORWARD(xFileSize, SQLITE_IOERR_FSTAT,
        (sqlite3_file * f, sqlite3_int64 *n), n)
FORWARD_KIND(xLock, FAULT_SQLITE_LOCK, SQLITE_IOERR_LOCK,
             (sqlite3_file * f, int level), level)
FORWARD(xCheckReservedLock, SQLITE_IOERR_CHECKRESERVEDLOCK,
        (sqlite3_file * f, int *out), out)
FORWARD_KIND(xShmMap, FAULT_SQLITE_LOCK, SQLITE_IOERR_SHMMAP,
        (sqlite3_file * f, int page, int size, int extend,
         void volatile **out),
        page, size, extend, out)
/* Unlocking does not fail: a lock that stayed would be the shim's fault. */
static int xShmLock(sqlite3_file *f, int at, int n, int flags) {
  if (!(flags & SQLITE_SHM_UNLOCK) &&
      (fails(FAULT_SQLITE_FILE) || fails(FAULT_SQLITE_LOCK)))
    return SQLITE_IOERR_SHMLOCK;
  return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}
static int xUnlock(sqlite3_file *f, int level) {
  return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int xClose(sqlite3_file *f) {
  return real_of(f)->pMethods->xClose(real_of(f));
}
static int xFileControl(sqlite3_file *f, int op, void *arg) {
  return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int xSectorSize(sqlite3_file *f) {
  return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int xDeviceCharacteristics(sqlite3_file *f) {
  return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static void xShmBarrier(sqlite3_file *f) {
  real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int xShmUnmap(sqlite3_file *f, int remove_it) {
  return real_of(f)->pMethods->xShmUnmap(real_of(f), remove_it);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = xClose,
    .xRead = xRead,
    .xWrite = xWrite,
    .xTruncate = xTruncate,
    .xSync = xSync,
    .xFileSize = xFileSize,
    .xLock = xLock,
    .xUnlock = xUnlock,
    .xCheckReservedLock = xCheckReservedLock,
    .xFileControl = xFileControl,
    .xSectorSize = xSectorSize,
    .xDeviceCharacteristics = xDeviceCharacteristics,
    .xShmMap = xShmMap,
    .xShmLock = xShmLock,
    .xShmBarrier = xShmBarrier,
    .xShmUnmap = xShmUnmap};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *out,
                    int flags, int *out_flags) {
  file *f = (file *)out;
  f->base.pMethods = NULL;
  if (fails(FAULT_SQLITE_FILE)) return SQLITE_CANTOPEN;
  f->real = (sqlite3_file *)(f + 1);
  int rc = under->xOpen(under, name, f->real, flags, out_flags);
  if (rc == SQLITE_OK) f->base.pMethods = &file_methods;
  return rc;
}
static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  if (fails(FAULT_SQLITE_FILE)) return SQLITE_IOERR_DELETE;
  return under->xDelete(under, name, sync);
}
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags,
                      int *out) {
  if (fails(FAULT_SQLITE_FILE)) return SQLITE_IOERR_ACCESS;
  return under->xAccess(under, name, flags, out);
}

/* ---- Metal ------------------------------------------------------------------- */

typedef tm_id (*message)(tm_id, tm_sel, long, long, long, long, long, long,
                         long, long, long, long, long, long);
static message real_send;

static bool gives_object(tm_sel s) {
  tm_sel all[] = {tm_mtl.sel.alloc,        tm_mtl.sel.init,
                  tm_mtl.sel.utf8_string,  tm_mtl.sel.string_with_bytes,
                  tm_mtl.sel.object_at,    tm_mtl.sel.object_for_key,
                  tm_mtl.sel.description,  tm_mtl.sel.user_info,
                  tm_mtl.sel.name,         tm_mtl.sel.contents,
                  tm_mtl.sel.new_queue,    tm_mtl.sel.new_buffer,
                  tm_mtl.sel.new_library,  tm_mtl.sel.new_buffer_no_copy,
                  tm_mtl.sel.new_function, tm_mtl.sel.new_pipeline,
                  tm_mtl.sel.new_archive,  tm_mtl.sel.file_url,
                  tm_mtl.sel.array_of,     tm_mtl.sel.os_text,
                  tm_mtl.sel.new_fence,    tm_mtl.sel.command_buffer,
                  tm_mtl.sel.compute_encoder, tm_mtl.sel.encoder_with_pass,
                  tm_mtl.sel.new_event,    tm_mtl.sel.counter_sets,
                  tm_mtl.sel.new_samples,  tm_mtl.sel.resolve_samples,
                  tm_mtl.sel.pass_descriptor, tm_mtl.sel.pass_attachments};
  for (size_t i = 0; i < TM_COUNT(all); i++)
    if (all[i] == s) return true;
  return false;
}

/* Any message: four more words in registers and eight on the stack (six and
 * six on arm64) are more than the longest of Metal's takes. */
static tm_id send(tm_id object, tm_sel s, long a, long b, long c, long d,
                  long e, long f, long g, long h, long i, long j, long k,
                  long l) {
  if (gives_object(s) && fails(FAULT_METAL)) {
    /* An init that fails takes its object along. */
    if (s == tm_mtl.sel.init || s == tm_mtl.sel.string_with_bytes)
      tm_mtl.release(object);
    return NULL;
  }
  return real_send(object, s, a, b, c, d, e, f, g, h, i, j, k, l);
}

void faults_install_metal(void) {
  if (real_send) return;
  real_send = (message)tm_mtl.send;
  tm_mtl.send = (void (*)(void))send;
}

void faults_install(void) {
  static sqlite3_vfs vfs;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
  sqlite3_mem_methods ours = memory;
  ours.xMalloc = sqlite_malloc;
  ours.xRealloc = sqlite_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
  under = sqlite3_vfs_find(NULL);
  vfs = *under;
  vfs.zName = "faults";
  vfs.szOsFile = (int)sizeof(file) + under->szOsFile;
  vfs.xOpen = vfs_open;
  vfs.xDelete = vfs_delete;
  vfs.xAccess = vfs_access;
  sqlite3_vfs_register(&vfs, 1);
}
