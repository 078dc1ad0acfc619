/* SPDX-License-Identifier: MIT */
/*
 * run.c - sm_run: checks a dispatch, makes it a job, reports its end.
 *
 * Threadgroups are handed out in chunks so that tiny ones do not fight over
 * the counter, and small enough that all workers end together.
 */
#define _GNU_SOURCE
#include "watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* ---- floating point mode ---------------------------------------------- */

/* Metal flushes float subnormals; the CPU does it when told to. Returns the
 * old mode. Conversions to and from half ignore the mode, as they should. */
static uint64_t float_mode_enter(void) {
#if defined(__x86_64__)
  unsigned old = _mm_getcsr();
  _mm_setcsr((old & ~0x3fu & ~0x6000u) | 0x8040u | 0x1f80u);
  return old;
#elif defined(__aarch64__)
  uint64_t old;
  __asm__ volatile("mrs %0, fpcr" : "=r"(old));
  __asm__ volatile("msr fpcr, %0" : : "r"(old | (1u << 24)));
  return old;
#endif
}

static void float_mode_leave(uint64_t old) {
#if defined(__x86_64__)
  _mm_setcsr((unsigned)old);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(old));
#endif
}

/* ---- errors ----------------------------------------------------------- */

void sm_job_fail(sm_job *job, sm_run_status status, char *message) {
  sm_pool_lock();
  if (job->status == SM_RUN_OK) {
    job->status = status;
    job->error = message;
    message = NULL;
  }
  sm_pool_unlock();
  free(message);
  __atomic_store_n(&job->stop, 2, __ATOMIC_RELEASE);
}

char *sm_worker_message(const sm_worker *worker, const char *fmt, ...) {
  char text[512], place[320];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof(text), fmt, args);
  va_end(args);
  const sm_frame *f = worker->group.running;
  snprintf(place, sizeof(place),
           " (kernel %s, threadgroup (%u, %u, %u), simdgroup %u)",
           worker->job->dispatch->code->meta->name, f->tg_position[0],
           f->tg_position[1], f->tg_position[2], f->simdgroup);
  size_t n = strlen(text), m = strlen(place);
  char *all = malloc(n + m + 1);
  if (!all) return NULL;
  memcpy(all, text, n);
  memcpy(all + n, place, m + 1);
  return all;
}

void sm_worker_abort(sm_worker *worker, sm_run_status status,
                     char *message) {
  worker->in_kernel = false;
  sm_job_fail(worker->job, status, message);
  void *dead;
  sm_coro_switch(&dead, worker->base);
  abort(); /* nobody continues a dead context */
}

/* ---- workers ---------------------------------------------------------- */

void sm_worker_run(sm_worker *worker, sm_job *job) {
  worker->job = job;
  free(worker->unsettled);
  worker->unsettled = NULL;
  if (!sm_groups_prepare(worker)) {
    sm_job_fail(job, SM_RUN_MEMORY,
                strdup("not enough memory for the stacks and threadgroup "
                       "memory of a threadgroup"));
    return;
  }
  sm_fault_enter(worker);
  uint64_t mode = float_mode_enter();
  void *start = sm_stack_prepare(&worker->main_stack, sm_groups_run, worker);
  sm_coro_switch(&worker->base, start);
  float_mode_leave(mode);
  sm_fault_leave(worker);
  if (job->watched) sm_watch_settle_job(worker);
}

void sm_worker_free(sm_worker *worker) {
  sm_stack_unmap(&worker->main_stack);
  for (int i = 0; i < SM_MOST_SIMDGROUPS; i++)
    sm_stack_unmap(&worker->stacks[i]);
  free(worker->tg_memory);
  free(worker->shadow);
  free(worker->unsettled);
  free(worker->signal_stack);
  free(worker);
}

/* ---- dispatches ------------------------------------------------------- */

static bool refuse(char **error, const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof(text), fmt, args);
  va_end(args);
  *error = strdup(text);
  return false;
}

static bool check_dispatch(const sm_dispatch *d, char **error) {
  const char *name = d->code->meta->name;
  uint64_t threads = 1;
  for (int i = 0; i < 3; i++) {
    if (d->grid_threads[i] == 0 || d->grid_threads[i] > UINT32_MAX)
      return refuse(error, "kernel %s: grid dimension %d is %llu threads; "
                    "1 to 4294967295 are possible", name, i,
                    (unsigned long long)d->grid_threads[i]);
    if (d->group[i] == 0 || d->group[i] > 1024)
      return refuse(error, "kernel %s: threadgroup dimension %d is %u; 1 to "
                    "1024 are possible", name, i, d->group[i]);
    threads *= d->group[i];
  }
  uint32_t most = d->code->info.max_threads ? d->code->info.max_threads
                                            : 1024;
  if (threads > most)
    return refuse(error, "kernel %s: threadgroup of %llu threads, at most "
                  "%u are possible", name, (unsigned long long)threads, most);
  uint64_t used =
      d->code->info.buffers_read | d->code->info.buffers_written;
  for (int i = 0; i < SM_BUFFERS; i++) {
    if (!(used >> i & 1)) continue;
    if (!d->buffers[i].pointer)
      return refuse(error, "kernel %s: buffer %d is not bound", name, i);
    if (d->buffers[i].length < d->code->info.buffer_min[i])
      return refuse(error, "kernel %s: buffer %d has %llu bytes from its "
                    "offset on, the argument needs %u", name, i,
                    (unsigned long long)d->buffers[i].length,
                    d->code->info.buffer_min[i]);
  }
  return true;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b) {
  while (b) {
    uint64_t t = a % b;
    a = b;
    b = t;
  }
  return a;
}

static void job_shuffle(sm_job *job, uint64_t seed) {
  job->step = 1;
  job->offset = 0;
  if (!seed || job->total < 2) return;
  uint64_t limit = job->total < (1u << 30) ? job->total : (1u << 30);
  uint64_t step = (seed * 0x9e3779b97f4a7c15u >> 20) % limit | 1;
  while (greatest_common_divisor(step, job->total) != 1) step += 2;
  job->step = step % job->total;
  job->offset = (seed >> 7) % job->total;
}

bool sm_is_line(const uint32_t threads[3]) {
  return (threads[1] == 1 && threads[2] == 1) || threads[0] % SM_LANES == 0;
}

/* Some group of the grid, full or at an edge, has a simdgroup that is not
 * full or not a line. */
static bool needs_general(const sm_job *job) {
  const sm_dispatch *d = job->dispatch;
  if (!d->code->line) return true;
  for (unsigned edge = 0; edge < 8; edge++) {
    uint32_t threads[3];
    bool exists = true;
    for (int i = 0; i < 3; i++) {
      uint32_t rest = (uint32_t)(d->grid_threads[i] % d->group[i]);
      bool at_edge = edge >> i & 1;
      threads[i] = at_edge ? rest : d->group[i];
      if (at_edge ? rest == 0 : d->grid_threads[i] < d->group[i])
        exists = false;
    }
    if (exists && (!sm_is_line(threads) ||
                   threads[0] * threads[1] * threads[2] % SM_LANES != 0))
      return true;
  }
  return false;
}

static bool job_init(sm_job *job, const sm_dispatch *d, char **error) {
  memset(job, 0, sizeof(*job));
  job->dispatch = d;
  job->total = 1;
  for (int i = 0; i < 3; i++) {
    job->groups[i] = (d->grid_threads[i] + d->group[i] - 1) / d->group[i];
    if (job->total > UINT64_MAX / job->groups[i])
      return refuse(error, "kernel %s: the grid has too many threadgroups",
                    d->code->meta->name);
    job->total *= job->groups[i];
  }
  if (job->total > (uint64_t)1 << 33)
    return refuse(error, "kernel %s: the grid has %llu threadgroups; at most "
                  "2^33 are possible", d->code->meta->name,
                  (unsigned long long)job->total);
  uint64_t bytes = (d->code->info.threadgroup_bytes + 63u) & ~(uint64_t)63;
  for (int i = 0; i < SM_BUFFERS; i++) {
    if (!(d->code->info.tg_buffers >> i & 1)) continue;
    job->tg_offset[i] = (uint32_t)bytes;
    bytes += ((uint64_t)d->tg_length[i] + 63u) & ~(uint64_t)63;
    if (bytes > 1u << 20)
      return refuse(error, "kernel %s: more than 1 MiB of threadgroup memory",
                    d->code->meta->name);
  }
  job->tg_bytes = (uint32_t)bytes;
  if (needs_general(job)) {
    job->general = sm_code_general(d->code, error);
    if (!job->general) return false;
  }
  job->share = 4u * (uint64_t)sm_run_threads();
  job->chunk = job->total / (2 * job->share) + 1;
  if (job->chunk > 256) job->chunk = 256;
  job_shuffle(job, d->shuffle_seed);
  job->watched = d->code->meta->checked || d->code->meta->counted;
  if (job->watched) job->chunk = job->total;
  return true;
}

/* Counters start from what is known before the first threadgroup. */
static void counters_begin(const sm_job *job) {
  const sm_dispatch *d = job->dispatch;
  softmetal_counters *c = d->counters;
  if (!c) return;
  memset(c, 0, sizeof(*c));
  c->struct_size = sizeof(*c);
  snprintf(c->kernel, sizeof(c->kernel), "%s", d->code->meta->name);
}

static bool watch_begin(sm_job *job, char **error) {
  const sm_dispatch *d = job->dispatch;
  counters_begin(job);
  if (!d->code->meta->checked) return true;
  job->watch = d->watch ? d->watch : sm_watch_new();
  if (job->watch && sm_watch_dispatch_begin(job->watch, d, job->total))
    return true;
  if (job->watch != d->watch) sm_watch_free(job->watch);
  return refuse(error, "kernel %s: not enough memory to check the dispatch",
                d->code->meta->name);
}

sm_run_status sm_run(const sm_dispatch *dispatch, char **error) {
  *error = NULL;
  sm_job job;
  if (!check_dispatch(dispatch, error)) return SM_RUN_FAULT;
  if (!job_init(&job, dispatch, error)) return SM_RUN_FAULT;
  if (!watch_begin(&job, error)) return SM_RUN_MEMORY;
  sm_fault_install();
  sm_pool_run(&job);
  if (!dispatch->watch) sm_watch_free(job.watch);
  if (job.stop == 1 && job.status == SM_RUN_OK) {
    char text[256];
    snprintf(text, sizeof(text),
             "kernel %s did not end within %llu ms", dispatch->code->meta->name,
             (unsigned long long)(dispatch->deadline_ns / 1000000u));
    job.status = SM_RUN_TIMEOUT;
    job.error = strdup(text);
  }
  *error = job.error;
  return job.status;
}
