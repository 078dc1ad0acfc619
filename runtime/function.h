/* SPDX-License-Identifier: MIT */
/*
 * function.h - the insides of a tm_function, as its files see them.
 *
 *   function_decl.c  what the declaration and the options say
 *   function.c       a launch: bind, fill, look up, go
 *   variants.c       the table: look-ups without a lock, one maker a key
 *
 *   arguments -> bound by parameter -> filled from a configuration and from
 *   heuristics -> key (specialize.c) -> variant -> tmi_launch
 */
#ifndef TM_FUNCTION_H
#define TM_FUNCTION_H

#include "context.h"

#include "../lib/host/host.h"

/* ---- variants.c ---------------------------------------------------------- */

/* What a key of the table leads to. Never changes once it is published. */
typedef struct tmi_entry {
  uint64_t hash;
  void *value;
  size_t n_words;
  uint64_t key[];
} tmi_entry;

struct tmi_slots;

/* An entry that one thread makes while others that want it wait. */
typedef struct tmi_making {
  struct tmi_making *next;
  tmi_entry *entry;
} tmi_making;

typedef struct tmi_table {
  _Atomic(struct tmi_slots *) slots;
  atomic_size_t n;         /* published */
  pthread_mutex_t lock;    /* over writing, and the rest */
  pthread_cond_t changed;  /* a making has ended */
  tmi_making *making;
  size_t n_making;
} tmi_table;

typedef enum tmi_claim {
  TMI_CLAIM_FOUND,     /* *value is there */
  TMI_CLAIM_MAKE,      /* the caller makes it: publish or withdraw */
  TMI_CLAIM_BUSY,      /* another thread makes it, and we do not wait */
  TMI_CLAIM_NO_MEMORY
} tmi_claim;

void tmi_table_init(tmi_table *table);
/* No thread is in a call on it any more. drop: of every value. */
void tmi_table_free(tmi_table *table, void (*drop)(void *value));
/* The value, or NULL; takes no lock. */
void *tmi_table_find(tmi_table *table, const tmi_key *key);
/* Looks again, under the lock; waits while another thread makes the entry. */
tmi_claim tmi_table_claim(tmi_table *table, const tmi_key *key, bool wait,
                          void **value, tmi_making **making);
/* Both end a claim, and always succeed. value is not NULL. */
void tmi_table_publish(tmi_table *table, tmi_making *making, void *value);
void tmi_table_withdraw(tmi_table *table, tmi_making *making);
/* Every published entry, in no order, without a lock; those published
 * meanwhile may be missed. Until it returns false. */
void tmi_table_each(tmi_table *table,
                    bool (*each)(void *payload, const tmi_entry *entry),
                    void *payload);

/* ---- function_decl.c ------------------------------------------------------ */

/* A configuration of @autotune or of the caller's. */
typedef struct tmi_config {
  const tm_arg *values; /* by parameter; TM_GIVE_NOTHING: not set */
  uint32_t num_warps, num_stages; /* 0: not said */
} tmi_config;

struct tm_function {
  tm_context *context;
  tm_module *module;
  char *name;
  tmi_param *params;
  uint32_t n_params;
  bool has_defines;      /* some of them do */
  uint32_t num_warps, num_stages;
  const tm_function_def *def;
  tm_arena decorators;   /* memory of configs and of values given at creation */
  const tmi_config *configs; /* in order */
  uint32_t n_configs;
  atomic_uint config;    /* the first that has compiled */
  const char *trouble;   /* why the configurations are not known; NULL */
  tmi_table variants;    /* of tmi_variant */
  tmi_table heuristics;  /* arguments to the values set for them: tm_arg[] */
};

/* Fills f, whose context, module and name are set. */
tm_status tmi_function_declare(tm_function *f, const tm_function_def *def,
                               const tm_function_options *options,
                               tm_error **error);
/* The parameter of that name; -1. */
int tmi_function_param(const tm_function *f, const char *name);
/* A value that the host computed, as an argument. */
tm_arg tmi_arg_of_const(const tm_const *value);

/* ---- function.c ------------------------------------------------------------ */

/* A compiled combination. Immutable; lives as long as its function. */
typedef struct tmi_variant {
  tm_kernel *kernel;     /* one reference */
  bool is_plain;         /* no argument is a descriptor or a tuple */
  unsigned char passed[];/* by parameter: not 0 when a launch passes it on */
} tmi_variant;

enum { TMI_KEY_WORDS = 512 };

/* The arguments of one launch, on their way to a variant. Lives where the
 * call's frame is: what it points at is the caller's or the function's. */
typedef struct tmi_choice {
  const tm_arg *bound[TMI_MOST_PARAMS];
  uint32_t num_warps, num_stages;
  bool is_plain;         /* as in the variant */
  bool has_scratch;
  tm_arena scratch;      /* has_scratch: of values that heuristics made */
  tmi_key key;
  uint64_t words[TMI_KEY_WORDS];
} tmi_choice;

/* One launch, or one that might be. */
typedef struct tmi_call {
  tm_function *function;
  const tm_arg *args;
  size_t n_args;
  tm_launch_options options; /* checked */
} tmi_call;

/* Makes the choice that a configuration (NULL: none) gives for a call. The
 * caller frees it, also after a failure. */
tm_status tmi_choose(const tmi_call *call, const tmi_config *config,
                     tmi_choice *choice, tm_error **error);
void tmi_choice_free(tmi_choice *choice);
/* The variant of a choice, compiled when there is none yet. */
tm_status tmi_variant_of(tm_function *f, tmi_choice *choice,
                         tmi_variant **variant, tm_error **error);
/* Launches the variant with the choice's arguments: as tmi_launch does. */
tm_status tmi_variant_launch(tm_stream *stream, const tm_target *into,
                             const tmi_variant *variant, tmi_choice *choice,
                             const tm_function *f, tm_grid grid,
                             tm_error **error);

#endif
