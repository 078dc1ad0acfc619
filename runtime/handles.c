/* SPDX-License-Identifier: MIT */
/*
 * handles.c - the table of public objects, see handles.h.
 *
 * An address has WINDOW places where it may stand, from a hash of it on. A
 * place holds the address and its state: the kind, and how often the host
 * holds it; 0: it was destroyed. Adding and dropping take a lock; looking,
 * which every launch does for each of its arguments, only reads atomically:
 * the entry of an object that is in use does not change. When all places of
 * an address are taken by living objects it is not entered, and so not
 * checked.
 */
#include "handles.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  PLACES = 1 << 15,
  WINDOW = 32,
  WAITING = 512, /* destroyed objects whose memory is not freed yet */
  KIND_BITS = 8
};

typedef struct place {
  _Atomic uintptr_t address; /* 0: free */
  _Atomic uint32_t state;    /* holds << KIND_BITS | kind */
} place;

typedef void logger(void *payload, uint32_t level, const char *line);

static place table[PLACES + WINDOW];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over the rest */
static void *waiting[WAITING];
static size_t next_waiting;
static logger *log_to;
static void *log_payload;

/* ---- on or off --------------------------------------------------------------- */

enum { UNKNOWN, ON, OFF };
static atomic_int checking = UNKNOWN;

static bool is_on(void) {
  int now = atomic_load_explicit(&checking, memory_order_relaxed);
  if (now != UNKNOWN) return now == ON;
  const char *text = getenv("TRITON_METAL_CHECK_HANDLES");
#if defined(NDEBUG)
  bool on = false;
#else
  bool on = true;
#endif
  if (text && *text)
    on = strcmp(text, "0") != 0 && strcmp(text, "false") != 0 &&
         strcmp(text, "off") != 0 && strcmp(text, "no") != 0;
  atomic_compare_exchange_strong(&checking, &now, on ? ON : OFF);
  return atomic_load(&checking) == ON;
}

void tmi_handles_check(bool on) { checking = on ? ON : OFF; }

/* ---- the table ----------------------------------------------------------------- */

static place *first_place(const void *object) {
  uint64_t mixed = (uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u;
  return &table[mixed >> 40 & (PLACES - 1)];
}

/* Where the object stands; NULL: it is not known. */
static place *find(const void *object) {
  place *p = first_place(object);
  for (int i = 0; i < WINDOW; i++, p++)
    if (atomic_load_explicit(&p->address, memory_order_acquire) ==
        (uintptr_t)object)
      return p;
  return NULL;
}

/* A place that it may take; NULL: all are taken by the living. Lock held. */
static place *find_room(const void *object) {
  place *p = first_place(object), *dead = NULL;
  for (int i = 0; i < WINDOW; i++, p++) {
    if (!p->address) return p;
    if (!dead && !(p->state >> KIND_BITS)) dead = p;
  }
  return dead;
}

void *tmi_handle_add(const void *object, tmi_kind kind) {
  if (!object || !is_on()) return (void *)(uintptr_t)object;
  pthread_mutex_lock(&lock);
  place *p = find(object);
  if (p && p->state >> KIND_BITS && (p->state & ((1 << KIND_BITS) - 1)) == kind) {
    p->state += 1 << KIND_BITS;
  } else {
    if (!p) p = find_room(object);
    if (p) {
      p->state = 1 << KIND_BITS | kind;
      atomic_store_explicit(&p->address, (uintptr_t)object,
                            memory_order_release);
    }
  }
  pthread_mutex_unlock(&lock);
  return (void *)(uintptr_t)object;
}

bool tmi_handle_is_ok(const void *object, tmi_kind kind) {
  if (!is_on()) return true;
  const place *p = find(object);
  if (!p) return true;
  uint32_t state = atomic_load_explicit(&p->state, memory_order_relaxed);
  return state >> KIND_BITS && (state & ((1 << KIND_BITS) - 1)) == kind;
}

/* ---- what is told ---------------------------------------------------------------- */

static const char *const names[] = {
    "object", "tm_context", "tm_module", "tm_ast",   "tm_kernel",  "tm_buffer",
    "tm_stream", "tm_function", "tm_event", "tm_graph", "tm_profile",
    "tm_error"};

/* "tm_launch: the tm_buffer was destroyed". */
static void describe(const void *object, tmi_kind kind, const char *function,
                     char *out, size_t size) {
  const place *p = find(object);
  uint32_t state = p ? p->state : 0;
  uint32_t found = state & ((1 << KIND_BITS) - 1);
  if (state >> KIND_BITS && found != kind && found < TM_COUNT(names))
    snprintf(out, size, "%s: a %s was given as the %s", function,
             names[found], names[kind]);
  else
    snprintf(out, size, "%s: the %s was destroyed before", function,
             names[kind]);
}

tm_status tmi_fail_handle(const void *object, tmi_kind kind,
                          const char *function, tm_error **error) {
  char text[160];
  describe(object, kind, function, text, sizeof text);
  return tmi_fail(error, TM_E_ARGUMENT, "%s", text);
}

static void tell(const void *object, tmi_kind kind, const char *function) {
  char text[160];
  describe(object, kind, function, text, sizeof text);
  pthread_mutex_lock(&lock);
  logger *to = log_to;
  void *payload = log_payload;
  pthread_mutex_unlock(&lock);
  if (to)
    to(payload, 0, text);
  else
    fprintf(stderr, "tritonmetal: %s\n", text);
}

void tmi_handles_log(logger *log, void *payload) {
  pthread_mutex_lock(&lock);
  log_to = log;
  log_payload = payload;
  pthread_mutex_unlock(&lock);
}

void tmi_handles_unlog(logger *log, void *payload) {
  pthread_mutex_lock(&lock);
  if (log_to == log && log_payload == payload) log_to = NULL;
  pthread_mutex_unlock(&lock);
}

bool tmi_handle_ok(const void *object, tmi_kind kind, const char *function) {
  if (!object || tmi_handle_is_ok(object, kind)) return true;
  tell(object, kind, function);
  return false;
}

/* ---- the end of objects ------------------------------------------------------------ */

bool tmi_handle_drop(const void *object, tmi_kind kind, const char *function) {
  if (!tmi_handle_ok(object, kind, function)) return false;
  pthread_mutex_lock(&lock);
  place *p = find(object);
  /* Of two that destroy at once the second has lost. */
  bool lost = p && !(p->state >> KIND_BITS) && is_on();
  if (p && p->state >> KIND_BITS) p->state -= 1 << KIND_BITS;
  pthread_mutex_unlock(&lock);
  if (lost) tell(object, kind, function);
  return !lost;
}

/* Its address may be another's from now on. Lock held. */
static void forget(const void *object) {
  place *p = object ? find(object) : NULL;
  if (!p) return;
  p->address = 0;
  p->state = 0;
}

void tmi_handle_free(void *object) {
  if (!object) return;
  pthread_mutex_lock(&lock);
  void *old = object;
  if (is_on() && find(object)) {
    old = waiting[next_waiting];
    waiting[next_waiting] = object;
    next_waiting = (next_waiting + 1) % WAITING;
  }
  forget(old);
  pthread_mutex_unlock(&lock);
  free(old);
}

void tmi_handles_lock(void) { pthread_mutex_lock(&lock); }
void tmi_handles_unlock(void) { pthread_mutex_unlock(&lock); }

void tmi_handles_flush(void) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < WAITING; i++) {
    forget(waiting[i]);
    free(waiting[i]);
    waiting[i] = NULL;
  }
  pthread_mutex_unlock(&lock);
}
