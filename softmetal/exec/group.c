/* SPDX-License-Identifier: MIT */
/*
 * group.c - runs threadgroups on one worker.
 *
 * A kernel without barriers is a plain call per simdgroup. One with barriers
 * is mostly a call per threadgroup (emit_region.c), which asks sm_rt_interval
 * between barriers when there is something to look at. What is left are
 * coroutines: every simdgroup has its own stack, and continues the next one
 * in turn when it waits at a barrier or has ended; the last one continues the
 * scheduler.
 *
 * Either way, when all that live wait at the same barrier, the next interval
 * begins. Simdgroups that have ended take no part, as on Apple silicon; with
 * checking on that is reported, because it is almost always a mistake.
 */
#define _GNU_SOURCE
#include "rt.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>

enum {
  STACK_MARGIN = 128 * 1024,
  POISON = 0xff /* of threadgroup memory under checks: a NaN in any type */
};

static bool grow(void **memory, uint32_t *capacity, size_t item,
                 uint32_t need) {
  if (*capacity >= need) return true;
  free(*memory);
  *capacity = 0;
  size_t bytes = ((size_t)need * item + 127u) & ~(size_t)63;
  *memory = aligned_alloc(64, bytes);
  if (!*memory) return false;
  memset(*memory, 0, bytes);
  *capacity = need;
  return true;
}

static bool map_stacks(sm_worker *w, size_t bytes) {
  if (w->stack_bytes < bytes) {
    sm_stack_unmap(&w->main_stack);
    for (int i = 0; i < SM_MOST_SIMDGROUPS; i++)
      sm_stack_unmap(&w->stacks[i]);
    w->stack_bytes = bytes;
  }
  if (!w->main_stack.base &&
      !sm_stack_map(&w->main_stack, w->stack_bytes + STACK_MARGIN))
    return false;
  return true;
}

/* The stacks of simdgroups beyond what a group uses are never mapped. */
static bool map_simd_stacks(sm_worker *w, uint32_t simdgroups) {
  for (uint32_t i = 0; i < simdgroups; i++)
    if (!w->stacks[i].base && !sm_stack_map(&w->stacks[i], w->stack_bytes))
      return false;
  return true;
}

static void frame_fill(sm_worker *w, uint32_t index) {
  const sm_job *job = w->job;
  const sm_dispatch *d = job->dispatch;
  sm_frame *f = &w->frames[index];
  for (int i = 0; i < SM_BUFFERS; i++) {
    f->buffer[i] = d->buffers[i].pointer;
    f->length[i] = d->buffers[i].length;
    f->tg_buffer[i] = w->tg_memory + job->tg_offset[i];
  }
  f->tg_static = w->tg_memory;
  f->stop = &job->stop;
  f->simd = &w->simds[index];
  f->simdgroup = index;
  uint32_t full = 1;
  for (int i = 0; i < 3; i++) {
    f->tg_full[i] = d->group[i];
    f->grid[i] = (uint32_t)d->grid_threads[i];
    f->groups[i] = (uint32_t)job->groups[i];
    f->position[i] = w->positions[index][i];
    full *= d->group[i];
  }
  f->simdgroups_full = (full + SM_LANES - 1) / SM_LANES;
  w->simds[index].worker = w;
  w->simds[index].index = index;
}

bool sm_groups_prepare(sm_worker *w) {
  const sm_job *job = w->job;
  const sm_dispatch *d = job->dispatch;
  uint32_t threads = d->group[0] * d->group[1] * d->group[2];
  uint32_t simdgroups = (threads + SM_LANES - 1) / SM_LANES;
  bool coroutines = d->code->meta->has_barrier && !d->code->meta->record_bytes;
  if (job->general && !job->general->meta->record_bytes)
    coroutines = d->code->meta->has_barrier != 0;
  size_t stack = d->code->meta->stack_bytes;
  if (job->general && job->general->meta->stack_bytes > stack)
    stack = job->general->meta->stack_bytes;
  stack += STACK_MARGIN;
  if (!map_stacks(w, stack)) return false;
  if (coroutines && simdgroups > 1 && !map_simd_stacks(w, simdgroups))
    return false;
  void *memory = w->tg_memory;
  bool ok = grow(&memory, &w->tg_capacity, 1, job->tg_bytes + 64);
  w->tg_memory = memory;
  if (!ok) return false;
  if (d->code->meta->checked) {
    memory = w->shadow;
    ok = grow(&memory, &w->shadow_capacity, sizeof(sm_shadow),
              w->tg_capacity);
    w->shadow = memory;
    if (!ok) return false;
  }
  for (uint32_t i = 0; i < simdgroups; i++) frame_fill(w, i);
  memset(w->frame_threads, 0, sizeof(w->frame_threads));
  w->group.worker = w;
  w->group.running = w->frames;
  w->group.stop = &job->stop;
  w->group.attend = d->shuffle_seed != 0;
  for (uint32_t i = 0; i < SM_MOST_SIMDGROUPS; i++)
    w->group.order[i] = &w->frames[i];
  w->random = d->shuffle_seed;
  return true;
}

/* ---- positions -------------------------------------------------------- */

/* Who runs a group of that many threads: code for full simdgroups, if all
 * are full and it runs threadgroups; else each simdgroup has its own. Returns
 * the bytes that are kept for each simdgroup. */
static uint32_t choose_entries(sm_worker *w, bool line, uint32_t total,
                               uint32_t simdgroups) {
  const sm_code *code = w->job->dispatch->code, *general = w->job->general;
  uint32_t record = 0;
  w->region = NULL;
  if (line && total % SM_LANES == 0) {
    record = code->meta->record_bytes;
    if (record) w->region = code->line;
  } else {
    record = general->meta->record_bytes;
    if (record) w->region = general->any;
  }
  for (uint32_t s = 0; s < simdgroups && !w->region; s++) {
    bool full = total - s * SM_LANES >= SM_LANES && !code->meta->record_bytes;
    w->entries[s] = line && full ? code->line : general->any;
  }
  return record;
}

/* Lanes are numbered with x fastest through the threads that the group has;
 * edge groups have fewer. Recomputed only when that changes. */
static void positions_fill(sm_worker *w, const uint32_t threads[3]) {
  if (w->frame_threads[0] == threads[0] &&
      w->frame_threads[1] == threads[1] && w->frame_threads[2] == threads[2])
    return;
  memcpy(w->frame_threads, threads, sizeof(w->frame_threads));
  uint32_t total = threads[0] * threads[1] * threads[2];
  uint32_t simdgroups = (total + SM_LANES - 1) / SM_LANES;
  const sm_code *code = w->job->dispatch->code;
  uint32_t record = choose_entries(w, code->line && sm_is_line(threads), total,
                                   simdgroups);
  for (uint32_t s = 0; s < simdgroups; s++) {
    sm_frame *f = &w->frames[s];
    uint32_t count = total - s * SM_LANES;
    f->mask = count >= SM_LANES ? UINT32_MAX : (1u << count) - 1;
    f->record = (uint64_t)s * record;
    f->simdgroups = simdgroups;
    for (uint32_t l = 0; l < SM_LANES; l++) {
      uint32_t t = s * SM_LANES + l;
      if (t >= total) t = total - 1; /* lanes that do not exist */
      f->position[0][l] = t % threads[0];
      f->position[1][l] = t / threads[0] % threads[1];
      f->position[2][l] = t / threads[0] / threads[1];
    }
    for (int i = 0; i < 3; i++) {
      f->first[i] = f->position[i][0];
      f->tg_threads[i] = threads[i];
    }
  }
}

static void group_locate(const sm_worker *w, uint64_t number,
                         uint32_t position[3]) {
  const sm_job *job = w->job;
  uint64_t at = number;
  if (job->step != 1 || job->offset != 0)
    at = (number * job->step + job->offset) % job->total;
  position[0] = (uint32_t)(at % job->groups[0]);
  position[1] = (uint32_t)(at / job->groups[0] % job->groups[1]);
  position[2] = (uint32_t)(at / job->groups[0] / job->groups[1]);
}

/* The next position without divisions, which cost more than a small group's
 * work. */
static void group_advance(const sm_worker *w, uint64_t number,
                          uint32_t position[3]) {
  const sm_job *job = w->job;
  if (job->step != 1 || job->offset != 0) {
    group_locate(w, number, position);
    return;
  }
  if (++position[0] < job->groups[0]) return;
  position[0] = 0;
  if (++position[1] < job->groups[1]) return;
  position[1] = 0;
  position[2]++;
}

static uint32_t group_begin(sm_worker *w, const uint32_t position[3]) {
  const sm_job *job = w->job;
  const sm_dispatch *d = job->dispatch;
  uint32_t threads[3];
  for (int i = 0; i < 3; i++) {
    uint64_t left = d->grid_threads[i] - (uint64_t)position[i] * d->group[i];
    threads[i] = left < d->group[i] ? (uint32_t)left : d->group[i];
  }
  positions_fill(w, threads);
  uint32_t simdgroups = w->frames[0].simdgroups;
  for (uint32_t s = 0; s < simdgroups; s++)
    for (int i = 0; i < 3; i++) w->frames[s].tg_position[i] = position[i];
  if (d->code->meta->checked) memset(w->tg_memory, POISON, job->tg_bytes);
  if (job->watched) sm_watch_group_begin(w, simdgroups);
  return simdgroups;
}

/* ---- simdgroups ------------------------------------------------------- */

static uint32_t random_below(sm_worker *w, uint32_t n) {
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(w->random >> 33) % n;
}

/* In order already, unless it is shuffled. */
static void order_fill(sm_worker *w, uint32_t n) {
  sm_frame **order = w->group.order;
  if (!w->job->dispatch->shuffle_seed) return;
  for (uint32_t i = 0; i < n; i++) order[i] = &w->frames[i];
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = random_below(w, i);
    sm_frame *t = order[i - 1];
    order[i - 1] = order[j];
    order[j] = t;
  }
}

static void simd_main(void *argument) {
  sm_simd *simd = argument;
  sm_worker *w = simd->worker;
  w->entries[simd->index](&w->frames[simd->index], NULL);
  simd->state = SM_SIMD_ENDED;
  w->ended++;
  sm_coro_switch(&simd->context, sm_group_next(w));
  abort(); /* an ended simdgroup is never continued */
}

/* After an interval: all that live must wait at one barrier. lines: where
 * they wait; 0: they have ended. */
static void interval_check(sm_worker *w, const uint32_t *lines, uint32_t n) {
  uint32_t line = 0, first = 0, waiting = 0, ended = 0;
  char who[64];
  for (uint32_t i = 0; i < n; i++) {
    if (!lines[i]) ended = i;
    if (!lines[i]) continue;
    w->group.running = &w->frames[i];
    waiting++;
    if (!line) {
      line = lines[i];
      first = i;
    } else if (lines[i] != line) {
      sm_lane_text(&w->frames[i], 0, who, sizeof(who));
      sm_worker_abort(w, SM_RUN_DIVERGED, sm_worker_message(w,
          "simdgroups wait at different barriers: simdgroup %u at line %u, "
          "simdgroup %u (%s and others) at line %u", first, line, i, who,
          lines[i]));
    }
  }
  if (!waiting || waiting == n || !w->job->dispatch->code->meta->checked)
    return;
  sm_lane_text(&w->frames[ended], 0, who, sizeof(who));
  sm_worker_abort(w, SM_RUN_DIVERGED, sm_worker_message(w,
      "the barrier at line %u was reached by %u of %u simdgroups; %s and "
      "others had already ended", line, waiting, n, who));
}

/* ---- regions ------------------------------------------------------------ */

void sm_rt_interval(sm_group *group, const uint32_t *lines) {
  sm_worker *w = group->worker;
  uint32_t line[SM_MOST_SIMDGROUPS], n = (uint32_t)group->count;
  if (__atomic_load_n(group->stop, __ATOMIC_RELAXED))
    sm_rt_stop(group->running);
  for (uint32_t i = 0; i < n; i++) line[i] = lines[w->frames[i].state];
  interval_check(w, line, n);
  order_fill(w, n);
}

static void group_run_regions(sm_worker *w, uint32_t n) {
  w->group.count = n;
  order_fill(w, n);
  for (uint32_t i = 0; i < n; i++) w->frames[i].state = SM_STATE_START;
  w->region(NULL, &w->group);
}

/* ---- coroutines --------------------------------------------------------- */

void *sm_group_next(sm_worker *w) {
  while (w->turn < w->group.count) {
    sm_frame *frame = w->group.order[w->turn++];
    sm_simd *simd = frame->simd;
    if (simd->state == SM_SIMD_ENDED) continue;
    w->group.running = frame;
    return simd->context;
  }
  return w->scheduler;
}

static void coroutines_check(sm_worker *w, uint32_t n) {
  uint32_t line[SM_MOST_SIMDGROUPS];
  for (uint32_t i = 0; i < n; i++)
    line[i] = w->simds[i].state == SM_SIMD_WAITING ? w->simds[i].barrier : 0;
  interval_check(w, line, n);
}

/* Each simdgroup that waits or ends switches to the next one by itself; the
 * last one of an interval comes back here. */
static void group_run_coroutines(sm_worker *w, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    w->simds[i].state = SM_SIMD_READY;
    w->simds[i].context =
        sm_stack_prepare(&w->stacks[i], simd_main, &w->simds[i]);
  }
  w->group.count = n;
  w->ended = 0;
  while (w->ended < n) {
    order_fill(w, n);
    w->turn = w->barrier = 0;
    w->mixed = false;
    void *first = sm_group_next(w);
    sm_coro_switch(&w->scheduler, first);
    if (w->mixed || w->ended) coroutines_check(w, n);
  }
}

static void group_run_plain(sm_worker *w, uint32_t n) {
  order_fill(w, n);
  for (uint32_t i = 0; i < n; i++) {
    sm_frame *frame = w->group.order[i];
    w->group.running = frame;
    w->entries[frame->simdgroup](frame, NULL);
  }
}

void sm_groups_run(void *argument) {
  sm_worker *w = argument;
  sm_job *job = w->job;
  bool barriers = job->dispatch->code->meta->has_barrier != 0;
  w->in_kernel = true;
  while (__atomic_load_n(&job->stop, __ATOMIC_RELAXED) == 0) {
    /* Chunks shrink towards the end so that nobody is waited for. */
    uint64_t next = __atomic_load_n(&job->next, __ATOMIC_RELAXED);
    if (next >= job->total) break;
    uint64_t chunk = (job->total - next) / job->share + 1;
    if (chunk > job->chunk) chunk = job->chunk;
    uint64_t begin =
        __atomic_fetch_add(&job->next, chunk, __ATOMIC_RELAXED);
    if (begin >= job->total) break;
    uint64_t end = begin + chunk;
    if (end > job->total) end = job->total;
    uint32_t position[3];
    group_locate(w, begin, position);
    for (uint64_t i = begin; i < end; i++) {
      if (i > begin) group_advance(w, i, position);
      if (__atomic_load_n(&job->stop, __ATOMIC_RELAXED)) break;
      uint32_t n = group_begin(w, position);
      if (w->region) group_run_regions(w, n);
      else if (barriers && n > 1) group_run_coroutines(w, n);
      else group_run_plain(w, n);
    }
  }
  w->in_kernel = false;
  void *dead;
  sm_coro_switch(&dead, w->base);
  abort(); /* the worker never continues a finished loop */
}
