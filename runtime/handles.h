/* SPDX-License-Identifier: MIT */
/*
 * handles.h - which public objects are alive: use after destroy and double
 * destroy become errors instead of undefined behaviour.
 *
 *   handed out    tmi_handle_add
 *   used          TMI_HANDLE, tmi_handle_ok
 *   destroyed     tmi_handle_drop; false: it was before, do nothing
 *   freed         tmi_handle_free, instead of free
 *
 * What a public function is given is looked up by its address, in a table
 * that is not the object: nothing that was freed is read. The memory of a
 * destroyed object is freed some hundred objects later, so that its address
 * does not soon become another's. Addresses that the table does not know pass:
 * objects that were never handed out (a function's kernels), and those made
 * while checking was off.
 */
#ifndef TM_HANDLES_H
#define TM_HANDLES_H

#include "error.h"

typedef enum tmi_kind {
  TMI_CONTEXT = 1,
  TMI_MODULE,
  TMI_AST,
  TMI_KERNEL,
  TMI_BUFFER,
  TMI_STREAM,
  TMI_FUNCTION,
  TMI_EVENT,
  TMI_GRAPH,
  TMI_PROFILE,
  TMI_ERROR
} tmi_kind;

/* Turns checking on or off, for the process. */
void tmi_handles_check(bool on);
/* Where errors of functions that return none are told; NULL: stderr. */
void tmi_handles_log(void (*log)(void *payload, uint32_t level,
                                 const char *line),
                     void *payload);
/* Undoes tmi_handles_log of the same two. */
void tmi_handles_unlog(void (*log)(void *payload, uint32_t level,
                                   const char *line),
                       void *payload);

/* The host holds the object, once more. Returns it. */
void *tmi_handle_add(const void *object, tmi_kind kind);
/* False: it is known to be destroyed, or to be something else. */
bool tmi_handle_is_ok(const void *object, tmi_kind kind);
/* The same, told in the log for a function that returns no status. NULL is
 * fine. */
bool tmi_handle_ok(const void *object, tmi_kind kind, const char *function);
/* The host gives one hold up. False, and told in the log: it had none. */
bool tmi_handle_drop(const void *object, tmi_kind kind, const char *function);
/* Frees the object's memory, now or later. */
void tmi_handle_free(void *object);
/* Around a fork, so that the child does not find the table locked. */
void tmi_handles_lock(void);
void tmi_handles_unlock(void);
/* Frees what waits to be freed: for tests that count allocations. */
void tmi_handles_flush(void);
/* TM_E_ARGUMENT: why the handle is not ok. */
tm_status tmi_fail_handle(const void *object, tmi_kind kind,
                          const char *function, tm_error **error);

/* A handle that a public function is given must not be NULL, and be alive. */
#define TMI_HANDLE(object, kind, error)                              \
  do {                                                               \
    TMI_CHECK((object) != NULL, error);                              \
    if (!tmi_handle_is_ok(object, kind))                             \
      return tmi_fail_handle(object, kind, __func__, error);         \
  } while (0)

/* For functions without a status: NULL and what is not alive is not there. */
#define TMI_IS_THERE(object, kind) \
  ((object) && tmi_handle_ok(object, kind, __func__))

#endif
