/* SPDX-License-Identifier: MIT */
/*
 * function.h - the insides of a tm_function, as its files see them.
 *
 *   function_decl.c  what the declaration and the options say
 *   propose.c        configurations when nobody gives any
 *   function.c       a launch: bind, fill, look up, go
 *   variants.c       the table: look-ups without a lock, one maker a key
 *   background.c     a variant that was promised less, while one is made
 *   autotune.c       which configuration: the records of tuning keys
 *   tune_measure.c   the GPU's time of a configuration, on real buffers
 *   tune_row.c       results in the cache
 *
 *   arguments -> bound by parameter -> filled from a configuration and from
 *   heuristics -> key (specialize.c) -> variant -> tmi_launch
 */
#ifndef TM_FUNCTION_H
#define TM_FUNCTION_H

#include "../context.h"

#include "../../lib/host/host.h"

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

/* ---- function_decl.c ----------------------------------------------------- */

enum { TMI_MOST_CONFIGS = 100000 };

/* A configuration of @autotune or of the caller's. */
typedef struct tmi_config {
  const tm_arg *values; /* by parameter; TM_GIVE_NOTHING: not set */
  uint32_t num_warps, num_stages; /* 0: not said */
  bool has_hook;        /* host code that is to run before its launches */
  const char *text;     /* "BLOCK=64, num_warps=4" */
} tmi_config;

/* How configurations are chosen. */
typedef struct tmi_tuning {
  const uint32_t *key;   /* parameters whose values count */
  uint32_t n_key;
  const bool *reset, *restore; /* by parameter */
  bool prunes;           /* the decorator has an early_config_prune */
  uint32_t keep;         /* measure so many of what the model likes best; */
  double keep_share;     /* keep is 0: such a share of them; 0: all */
  uint32_t warmup, repetitions; /* 0: the default */
} tmi_tuning;

struct tm_function {
  tm_context *context;
  tm_module *module;
  char *name;
  tmi_param *params;
  uint32_t n_params;
  bool has_defines;      /* some of them do */
  uint32_t num_warps, num_stages;
  const tm_function_def *def;
  tm_arena decorators;   /* memory of all that is fixed at creation */
  const tmi_config *configs; /* in order; NULL: none */
  const tm_config *public_configs; /* the same for the caller's prune */
  uint32_t n_configs;
  bool has_heuristics;
  tmi_tuning tuning;
  size_t (*prune)(void *payload, const tm_config *configs, size_t n,
                  const tm_define *args, size_t n_args, uint32_t *keep);
  void *payload;
  const char *trouble;   /* why the configurations are not known; NULL */
  tmi_table variants;    /* of tmi_variant */
  tmi_table heuristics;  /* arguments to the values set for them: tm_arg[] */
  tmi_table records;     /* tuning keys to tmi_record */
  struct tmi_background *background; /* NULL: launches wait for compiles */
  tmi_table failed;      /* variants whose compile in the background failed */
};

/* Fills f, whose context, module and name are set. */
tm_status tmi_function_declare(tm_function *f, const tm_function_def *def,
                               const tm_function_options *options,
                               tm_error **error);
/* The parameter of that name; -1. */
int tmi_function_param(const tm_function *f, const char *name);
/* Appends "name=value", after ", " when there is something before it. */
void tmi_print_value(tm_buf *out, const char *name, const tm_arg *value);
/* A value that the host computed, as an argument. */
tm_arg tmi_arg_of_const(const tm_const *value);

/* ---- propose.c ------------------------------------------------------------ */

/* Configurations for the tiles that the options name, in f's arena, and how
 * many of them are to be measured. */
tm_status tmi_propose_configs(tm_function *f, const tm_function_options *o,
                              tmi_config **configs, uint32_t *n,
                              tm_error **error);

/* ---- function.c ---------------------------------------------------------- */

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
  bool is_launch;        /* grid is meant, and stream may be used */
  tm_stream *stream;     /* NULL: nothing can be run to measure it */
  tm_grid grid;
} tmi_call;

/* The value of each parameter that the call gives; else TM_GIVE_NOTHING. */
tm_status tmi_bind(const tmi_call *call, const tm_arg **bound,
                   tm_error **error);
/* Makes the choice that a configuration (NULL: none) gives for a call. The
 * caller frees it, also after a failure. */
tm_status tmi_choose(const tmi_call *call, const tmi_config *config,
                     tmi_choice *choice, tm_error **error);
void tmi_choice_free(tmi_choice *choice);
/* The variant of a choice, compiled when there is none yet. */
tm_status tmi_variant_of(tm_function *f, tmi_choice *choice,
                         tmi_variant **variant, tm_error **error);
/* Compiles one; specs by parameter. */
tm_status tmi_variant_compile(tm_function *f, const tm_param_spec *specs,
                              uint32_t num_warps, uint32_t num_stages,
                              bool is_plain, tmi_variant **variant,
                              tm_error **error);
void tmi_variant_free(void *variant);
/* The parameters' descriptions, which live as long as the choice. */
tm_status tmi_choice_specs(const tm_function *f, tmi_choice *choice,
                           tm_param_spec **specs, tm_error **error);
/* The arguments that the variant's kernel takes. */
tm_status tmi_variant_args(const tmi_variant *variant, tmi_choice *choice,
                           const tm_function *f, tmi_flat *flat,
                           tm_error **error);
/* The call's grid for a choice. */
tm_grid tmi_grid_of(const tmi_call *call, const tmi_choice *choice);
/* Arguments and values by name; at most f->n_params. Returns how many. */
size_t tmi_defines_of(const tm_function *f, const tm_arg *const *bound,
                      tm_define *out);
/* An argument as decorators' functions see it. */
tm_host_arg tmi_host_arg_of(const char *name, const tm_arg *arg);
/* Frees *error and empties it. */
void tmi_forget(tm_error **error);

/* ---- background.c -------------------------------------------------------- */

tm_status tmi_background_start(tm_function *f, tm_error **error);
/* Waits for a compile that is under way. */
void tmi_background_stop(tm_function *f);
/* The variant of a choice, or while it is made one that was promised less. */
tm_status tmi_variant_meanwhile(tm_function *f, tmi_choice *choice,
                                tmi_variant **variant, tm_error **error);

/* ---- autotune.c ---------------------------------------------------------- */

/* What is known of one configuration under one key. */
typedef struct tmi_row {
  double seconds;        /* 0: not measured */
  double predicted;      /* 0: not asked */
  char *failure;         /* why it is not measured or not taken; NULL */
} tmi_row;

/* The outcome of one tuning key. Never changes once it is published. */
typedef struct tmi_record {
  char *key;             /* as text */
  uint32_t n_order;
  uint32_t *order;       /* configurations to launch: the first, or when it
                            cannot be compiled the next */
  uint32_t n;
  tmi_row rows[];        /* by configuration */
} tmi_record;

/* The record for a call of a function with several configurations; tunes when
 * there is none. */
tm_status tmi_record_of(const tmi_call *call, const tm_arg *const *bound,
                        tmi_key *scratch, const tmi_record **record,
                        tm_error **error);
/* The configurations that pruning leaves, in order: f->n_configs of room. */
tm_status tmi_candidates(const tmi_call *call, const tm_arg *const *bound,
                         uint32_t *list, uint32_t *n, tm_error **error);
void tmi_record_free(void *record);
/* May another configuration do where this one failed? */
bool tmi_may_pass_over(tm_status status);

/* ---- tune_measure.c ------------------------------------------------------ */

/* What a kernel writes, as it was. */
typedef struct tmi_saved {
  tm_buffer *buffer;
  unsigned char *copy;
  bool each_run;         /* to be put back before every run */
} tmi_saved;

typedef struct tmi_timing {
  const tmi_call *call;
  tm_id queue;           /* +1 */
  tmi_saved *saved;
  uint32_t n_saved, room;
  uint64_t bytes;        /* of the copies */
  double best;           /* the least median so far; 0: none */
  bool is_stuck;         /* a run has not ended in time: it may still write */
  char refusal[200];     /* why this launch cannot be measured; or "" */
} tmi_timing;

/* Waits for the stream's work. The call's arguments stay until the end. */
tm_status tmi_timing_begin(tmi_timing *t, const tmi_call *call,
                           tm_error **error);
/* Times one configuration. With a refusal nothing was run. */
tm_status tmi_timing_run(tmi_timing *t, const tmi_variant *variant,
                         tmi_choice *choice, double *seconds,
                         tm_error **error);
/* Puts back what was written. */
void tmi_timing_end(tmi_timing *t);

/* ---- tune_row.c ---------------------------------------------------------- */

/* What a result is stored under: everything that it depends on but the
 * machine's load. is_candidate by configuration. In the buffer's arena. */
void tmi_tuning_key(const tmi_call *call, const tmi_key *key,
                    const bool *is_candidate, tm_buf *out);
/* A record's rows as bytes, and back; false, and the record as it was, when
 * they are none for these candidates. */
void tmi_tuning_write(const tmi_record *record, tm_buf *out);
bool tmi_tuning_read(const void *bytes, size_t size, const bool *is_candidate,
                     tmi_record *record);

#endif
