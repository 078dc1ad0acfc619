/* SPDX-License-Identifier: MIT */
/*
 * base.h - memory, text and diagnostics shared by every other folder.
 *
 * Everything here is plain C11 with no I/O and no threads. lib/ and
 * softmetal/ both stand on it; neither knows the other.
 *
 * Memory. One tm_arena per unit of work (a module, a compile, one MSL
 * source). Code allocates from it and never frees; the arena is destroyed
 * whole. When memory runs out, or the arena's limit is passed, allocation
 * does not return: it jumps to the boundary that armed the arena (see
 * tm_arena_guard). Nothing but arena memory may be owned between the
 * boundary and an allocation, so nothing leaks. No callback of the host and
 * no Objective-C frame is ever between the two.
 *
 * Text. tm_str is a pointer and a length, not zero-terminated. Interned
 * names are zero-terminated and equal exactly when their pointers are equal.
 *
 * Diagnostics gather in a tm_diags; work goes on to find more of them and
 * the stage's end checks `errors`.
 */
#ifndef TM_BASE_H
#define TM_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define TM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define TM_NORETURN __attribute__((noreturn))
#else
#define TM_PRINTF(fmt, args)
#define TM_NORETURN
#endif

#define TM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- arena.c ---------------------------------------------------------- */

typedef struct tm_arena {
  struct tm_arena_block *block; /* newest block, linked to older ones */
  size_t used;                  /* bytes handed out so far */
  size_t limit;                 /* most bytes it may hand out */
  jmp_buf *guard;               /* where exhaustion goes; NULL: unarmed */
  bool exhausted;               /* set before the jump */
} tm_arena;

/* Makes an empty arena. limit is in bytes; 0 means 1 GiB. */
void tm_arena_init(tm_arena *arena, size_t limit);

/* Frees every block. The arena may be initialised again. */
void tm_arena_free(tm_arena *arena);

/* Arms the arena: evaluates to true the first time, and to false when an
 * allocation has failed since. Use:
 *
 *   jmp_buf guard;
 *   if (!tm_arena_guard(&arena, guard)) { ...report TM_E_MEMORY... }
 *
 * Locals of the guarding function that change after this line and are read
 * in the failure branch must be volatile. Disarm with arena.guard = NULL
 * before the jmp_buf goes out of scope. */
#define tm_arena_guard(arena, buf) \
  ((arena)->guard = &(buf), TM_SETJMP(buf) == 0)
/* On BSD systems plain setjmp and longjmp also save and restore the signal
 * mask, a system call each. */
#if defined(__APPLE__)
#define TM_SETJMP(buf) _setjmp(buf)
#define TM_LONGJMP(buf, value) _longjmp(buf, value)
#else
#define TM_SETJMP(buf) setjmp(buf)
#define TM_LONGJMP(buf, value) longjmp(buf, value)
#endif

/* size bytes of zeroed memory, 16-byte aligned; never NULL. size 0 is fine. */
void *tm_alloc(tm_arena *arena, size_t size);

/* count * size bytes, zeroed, with the product checked. */
void *tm_alloc_array(tm_arena *arena, size_t count, size_t size);

/* A zero-terminated copy of n bytes. */
char *tm_strndup(tm_arena *arena, const char *text, size_t n);

#define TM_NEW(arena, type) ((type *)tm_alloc((arena), sizeof(type)))
#define TM_NEW_ARRAY(arena, type, n) \
  ((type *)tm_alloc_array((arena), (n), sizeof(type)))

/* ---- vec.c: growable arrays in an arena ------------------------------- */

/* A vector of T: { data, len, cap }. Zero-initialised is empty. */
#define TM_VEC(T)   \
  struct {          \
    T *data;        \
    uint32_t len;   \
    uint32_t cap;   \
  }

void tm_vec_grow(tm_arena *arena, void *vec, size_t item, uint32_t need);

/* Appends x (a T). The arena is evaluated once, vec several times. */
#define tm_push(arena, vec, x)                                        \
  do {                                                                \
    if ((vec)->len == (vec)->cap)                                     \
      tm_vec_grow((arena), (vec), sizeof(*(vec)->data), (vec)->len + 1); \
    (vec)->data[(vec)->len++] = (x);                                  \
  } while (0)

/* ---- str.c: text and names -------------------------------------------- */

typedef struct tm_str {
  const char *ptr;
  size_t len;
} tm_str;

#define TM_STR(literal) ((tm_str){(literal), sizeof(literal) - 1})
static inline tm_str tm_cstr(const char *text) {
  return (tm_str){text, strlen(text)};
}
static inline bool tm_str_eq(tm_str a, tm_str b) {
  return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* A letter, digit or _: what names of C, MSL and Python are made of. */
static inline bool tm_is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

/* An interned, zero-terminated name: equal text, equal pointer. */
typedef const char *tm_name;

typedef struct tm_name_slot {
  tm_name name;        /* NULL: free */
  uint32_t hash, len;  /* of its text: most others differ in one of them */
} tm_name_slot;

typedef struct tm_names {
  tm_arena *arena;
  tm_name_slot *slots;
  uint32_t cap, len;
} tm_names;

void tm_names_init(tm_names *names, tm_arena *arena);
tm_name tm_intern(tm_names *names, const char *text, size_t n);
static inline tm_name tm_intern_cstr(tm_names *names, const char *text) {
  return tm_intern(names, text, strlen(text));
}

/* Growing text in an arena; data is always zero-terminated once used. */
typedef struct tm_buf {
  tm_arena *arena;
  char *data;
  size_t len, cap;
} tm_buf;

static inline tm_buf tm_buf_in(tm_arena *arena) {
  return (tm_buf){arena, NULL, 0, 0};
}
void tm_buf_add(tm_buf *buf, const char *text, size_t n);
void tm_buf_puts(tm_buf *buf, const char *text);
void tm_buf_printf(tm_buf *buf, const char *fmt, ...) TM_PRINTF(2, 3);
void tm_buf_vprintf(tm_buf *buf, const char *fmt, va_list args);
/* Zero-terminated text, "" when nothing was added. */
const char *tm_buf_text(tm_buf *buf);

/* Shortest text that reads back as exactly x ("1.5", "inf", "nan", "1e-05");
 * single: as a float rather than a double. Locale-independent. */
void tm_buf_double(tm_buf *buf, double x, bool single);

/* Edits from a to b: insertions, deletions, replacements and swaps of two
 * neighbours. Distances above `most` return most + 1. */
unsigned tm_edit_distance(const char *a, const char *b, unsigned most);

/* ---- map.c: hash map from 64-bit keys --------------------------------- */

typedef struct tm_map {
  tm_arena *arena;
  uint64_t *keys;
  uint64_t *values;
  uint8_t *full;
  uint32_t cap, len;
} tm_map;

static inline tm_map tm_map_in(tm_arena *arena) {
  return (tm_map){arena, NULL, NULL, NULL, 0, 0};
}
bool tm_map_get(const tm_map *map, uint64_t key, uint64_t *value);
/* Inserts or replaces. */
void tm_map_put(tm_map *map, uint64_t key, uint64_t value);
/* Names as keys. */
#define TM_KEY(pointer) ((uint64_t)(uintptr_t)(pointer))

uint64_t tm_hash_bytes(const void *data, size_t n, uint64_t seed);

/* ---- diag.c: diagnostics ---------------------------------------------- */

/* A place in a source: file is an index into tm_diags.sources plus one;
 * line and column count from 1, columns in bytes. All zero: no place. */
typedef struct tm_loc {
  uint32_t file, line, col;
} tm_loc;

typedef struct tm_source {
  const char *name; /* as shown, zero-terminated */
  tm_str text;      /* must outlive the diagnostics */
} tm_source;

typedef enum tm_severity {
  TM_NOTE,
  TM_WARNING,
  TM_ERROR
} tm_severity;

/* What kind of error it is; callers map it to their status codes. */
typedef enum tm_diag_kind {
  TM_DIAG_SYNTAX,      /* the text is not the language */
  TM_DIAG_SEMANTIC,    /* wrong types, names, shapes, missing arguments */
  TM_DIAG_UNSUPPORTED, /* understood and refused: Metal or we cannot */
  TM_DIAG_LIMIT,       /* over a limit of the chip or of this compiler */
  TM_DIAG_INTERNAL     /* a broken invariant of ours */
} tm_diag_kind;

typedef struct tm_diag {
  tm_severity severity;
  tm_diag_kind kind;
  tm_loc loc;
  const char *message; /* one line, no trailing period or newline */
  const char *hint;    /* what to do instead; NULL if there is nothing */
} tm_diag;

typedef struct tm_diags {
  tm_arena *arena;
  TM_VEC(tm_source) sources;
  TM_VEC(tm_diag) list;
  uint32_t errors;     /* how many of list are errors */
  uint32_t max_errors; /* later ones are counted, not kept; 0 means 64 */
} tm_diags;

void tm_diags_init(tm_diags *diags, tm_arena *arena);
/* Registers a source and returns its tm_loc.file. name is copied. */
uint32_t tm_diags_source(tm_diags *diags, const char *name, tm_str text);

/* Whether the same error at the same place was added before. */
bool tm_diags_has(const tm_diags *diags, tm_loc loc, const char *message);
/* Adds one error; one that was added before is counted, not kept. Returns its
 * record so that a caller may set the hint with tm_diag_hint; never NULL. */
tm_diag *tm_error_at(tm_diags *diags, tm_diag_kind kind, tm_loc loc,
                     const char *fmt, ...) TM_PRINTF(4, 5);
tm_diag *tm_warning_at(tm_diags *diags, tm_loc loc, const char *fmt, ...)
    TM_PRINTF(3, 4);
tm_diag *tm_note_at(tm_diags *diags, tm_loc loc, const char *fmt, ...)
    TM_PRINTF(3, 4);
void tm_diag_hint(tm_diags *diags, tm_diag *diag, const char *fmt, ...)
    TM_PRINTF(3, 4);

/* Appends "file:line:col: error: message", the source line, a caret and the
 * hint, each on its own line. Tabs and non-ASCII bytes keep the caret under
 * its column; very long lines are cut around it. */
void tm_diag_render(const tm_diags *diags, const tm_diag *diag, tm_buf *out);
void tm_diags_render_all(const tm_diags *diags, tm_buf *out);

#endif
