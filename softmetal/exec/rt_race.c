/* SPDX-License-Identifier: MIT */
/*
 * rt_race.c - races on device memory under SOFTMETAL_CHECK.
 *
 * Within a threadgroup the rule is that of threadgroup memory: between two
 * barriers that order device memory, what one simdgroup writes must not be
 * touched by another. Between threadgroups of a dispatch (and between the
 * dispatches of a concurrent encoder that no barrier separates, which share
 * a watch) nothing orders plain accesses, except one pattern that relaxed
 * atomics and fences allow: a threadgroup that passes a fence and then makes
 * an atomic access publishes what it wrote before the fence; one that makes
 * an atomic access and then passes a fence has acquired what was published
 * before. A barrier with mem_device counts as a fence, as kernels written
 * before MSL 3.2 rely on. Atomics race only with plain accesses.
 *
 * Shadow. One mark per 4-byte word of device memory, in pages made on first
 * touch; a page whose bytes are accessed one by one is turned into one with
 * a mark per byte. Marks name threadgroups by a number that is unique in the
 * watch.
 */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, WORD = 4, FIRST_BUCKETS = 1024 };

typedef struct mark {
  uint32_t write_group, read_group; /* number in the watch; 0: nobody */
  uint32_t write_line, read_line;
  uint32_t write_clock, read_clock; /* fences seen before it */
  uint16_t write_interval, read_interval;
  uint16_t writer, reader;          /* thread in its threadgroup */
  uint8_t write_atomic, read_atomic;
  uint8_t several; /* 1: simdgroups of read_group, 2: threadgroups */
} mark;

typedef struct page {
  uintptr_t base; /* 0: free bucket */
  bool bytes;     /* a mark per byte, not per word */
  mark *marks;
} page;

/* What a threadgroup did with fences. */
typedef struct group_order {
  uint32_t fence;     /* clock of its last fence */
  uint32_t published; /* writes before this clock are published */
  uint8_t atomic, acquired;
} group_order;

struct sm_watch {
  page *pages;
  size_t n_pages, buckets;
  page *last;
  group_order *groups;  /* of the running dispatches, from number 1 */
  uint64_t n_groups, cap_groups;
  uint64_t first_group; /* number of the dispatch's first, less one */
  uint32_t clock;
};

sm_watch *sm_watch_new(void) {
  sm_watch *w = calloc(1, sizeof(*w));
  if (w) w->clock = 1;
  return w;
}

void sm_watch_free(sm_watch *w) {
  if (!w) return;
  for (size_t i = 0; i < w->buckets; i++) free(w->pages[i].marks);
  free(w->pages);
  free(w->groups);
  free(w);
}

bool sm_watch_dispatch_begin(sm_watch *w, const sm_dispatch *dispatch,
                             uint64_t groups) {
  (void)dispatch;
  w->first_group = w->n_groups;
  uint64_t all = w->n_groups + groups;
  if (all >= UINT32_MAX) return false;
  if (all >= w->cap_groups) {
    uint64_t cap = all + 1;
    group_order *grown = realloc(w->groups, cap * sizeof(*grown));
    if (!grown) return false;
    memset(grown + w->cap_groups, 0,
           (cap - w->cap_groups) * sizeof(*grown));
    w->groups = grown;
    w->cap_groups = cap;
  }
  w->n_groups = all;
  return true;
}

/* ---- the shadow -------------------------------------------------------- */

static size_t bucket_of(const sm_watch *w, uintptr_t base) {
  return (size_t)((base / PAGE) * 0x9e3779b97f4a7c15u >> 20) &
         (w->buckets - 1);
}

static page *find_slot(const sm_watch *w, uintptr_t base) {
  size_t i = bucket_of(w, base);
  while (w->pages[i].base && w->pages[i].base != base)
    i = (i + 1) & (w->buckets - 1);
  return &w->pages[i];
}

static bool grow_pages(sm_watch *w) {
  size_t old = w->buckets;
  page *pages = w->pages;
  page *grown = calloc(old ? old * 2 : FIRST_BUCKETS, sizeof(page));
  if (!grown) return false;
  w->pages = grown;
  w->buckets = old ? old * 2 : FIRST_BUCKETS;
  for (size_t i = 0; i < old; i++)
    if (pages[i].base) *find_slot(w, pages[i].base) = pages[i];
  free(pages);
  return true;
}

/* NULL without memory: then this page is not watched. */
static page *page_of(sm_watch *w, uintptr_t base) {
  if (w->last && w->last->base == base) return w->last;
  if (w->n_pages * 2 >= w->buckets && !grow_pages(w)) return NULL;
  page *p = find_slot(w, base);
  if (!p->base) {
    mark *marks = calloc(PAGE / WORD, sizeof(mark));
    if (!marks) return NULL;
    p->base = base;
    p->marks = marks;
    p->bytes = false;
    w->n_pages++;
  }
  w->last = p;
  return p;
}

static bool split(page *p) {
  if (p->bytes) return true;
  mark *marks = calloc(PAGE, sizeof(mark));
  if (!marks) return false;
  for (uint32_t i = 0; i < PAGE; i++) marks[i] = p->marks[i / WORD];
  free(p->marks);
  p->marks = marks;
  p->bytes = true;
  return true;
}

/* ---- finding races ----------------------------------------------------- */

typedef struct access {
  sm_frame *frame;
  const char *address;
  uint32_t group, lane, flags, line;
} access;

static uint32_t number_of(const sm_frame *f, const sm_watch *w) {
  uint64_t at = f->tg_position[0] +
                (uint64_t)f->groups[0] *
                    (f->tg_position[1] +
                     (uint64_t)f->groups[1] * f->tg_position[2]);
  return (uint32_t)(w->first_group + at + 1);
}

/* Did what `other` did at that clock happen before what group does now? */
static bool ordered(const sm_watch *w, uint32_t other, uint32_t clock,
                    uint32_t group) {
  return w->groups[group].acquired && clock < w->groups[other].published;
}

static void other_text(const access *a, const sm_watch *w, uint32_t group,
                       uint32_t thread, char *text, size_t size) {
  char who[64];
  sm_thread_text(a->frame, thread, who, sizeof(who));
  if (group <= w->first_group) {
    snprintf(text, size, "another dispatch that no barrier separates");
    return;
  }
  if (group == a->group) {
    snprintf(text, size, "%s of the same threadgroup", who);
    return;
  }
  uint64_t at = group - w->first_group - 1;
  const uint32_t *n = a->frame->groups;
  snprintf(text, size, "%s of threadgroup (%llu, %llu, %llu)", who,
           (unsigned long long)(at % n[0]),
           (unsigned long long)(at / n[0] % n[1]),
           (unsigned long long)(at / n[0] / n[1]));
}

static void race(const access *a, const sm_watch *w, const char *first,
                 uint32_t first_line, uint32_t group, uint32_t thread) {
  sm_worker *worker = a->frame->simd->worker;
  char who[160], self[64], place[64];
  const char *verb = a->flags & SM_ACCESS_ATOMIC ? "atomic"
                     : a->flags & SM_ACCESS_WRITE ? "write" : "read";
  other_text(a, w, group, thread, who, sizeof(who));
  sm_lane_text(a->frame, a->lane, self, sizeof(self));
  sm_place_text(a->frame, a->address, place, sizeof(place));
  sm_worker_abort(worker, SM_RUN_FAULT, sm_worker_message(worker,
      "race on device memory at %s: %s at line %u by %s, %s at line %u by "
      "%s%s", place, first, first_line, who, verb, a->line, self,
      group == a->group ? ", and no barrier with mem_device between them"
                        : ""));
}

static void check_mark(const access *a, sm_watch *w, mark *m) {
  const sm_simd *simd = a->frame->simd;
  uint16_t interval = (uint16_t)(simd->intervals[0] + 1);
  uint32_t self = a->frame->simdgroup, group = a->group;
  bool atomic = a->flags & SM_ACCESS_ATOMIC;
  bool writes = a->flags & SM_ACCESS_WRITE;
  if (m->write_group && !(atomic && m->write_atomic)) {
    bool same = m->write_group == group;
    if (same ? m->write_interval == interval && m->writer / SM_LANES != self
             : !ordered(w, m->write_group, m->write_clock, group))
      race(a, w, m->write_atomic ? "atomic" : "write", m->write_line,
           m->write_group, m->writer);
  }
  if (writes && m->read_group && !(atomic && m->read_atomic)) {
    bool same = m->read_group == group;
    bool bad = same ? m->read_interval == interval &&
                          (m->reader / SM_LANES != self || m->several == 1)
                    : !ordered(w, m->read_group, m->read_clock, group);
    if (same && m->several == 2 && !w->groups[group].acquired) bad = true;
    if (bad)
      race(a, w, m->several == 2 ? "read by several threadgroups" : "read",
           m->read_line, m->read_group, m->reader);
  }
  uint16_t thread = (uint16_t)(self * SM_LANES + a->lane);
  if (writes) {
    m->write_group = group;
    m->write_line = a->line;
    m->write_clock = w->clock;
    m->write_interval = interval;
    m->writer = thread;
    m->write_atomic = atomic;
    return;
  }
  uint8_t several = 0;
  if (m->read_group && m->read_group != group) several = 2;
  else if (m->read_group == group)
    several = m->several == 2 ? 2
              : m->read_interval == interval &&
                      (m->several || m->reader / SM_LANES != self) ? 1 : 0;
  m->read_atomic = atomic && (!m->read_group || m->read_atomic);
  m->several = several;
  m->read_group = group;
  m->read_line = a->line;
  m->read_clock = w->clock;
  m->read_interval = interval;
  m->reader = thread;
}

void sm_watch_device(sm_frame *frame, const char *p, uint32_t lane,
                     uint32_t bytes, uint32_t flags, uint32_t line) {
  sm_watch *w = frame->simd->worker->job->watch;
  if (!w) return;
  access a = {frame, p, number_of(frame, w), lane, flags, line};
  uintptr_t at = (uintptr_t)p, end = at + bytes;
  bool words = at % WORD == 0 && bytes % WORD == 0;
  while (at < end) {
    page *shadow = page_of(w, at & ~(uintptr_t)(PAGE - 1));
    if (!shadow || (!words && !split(shadow))) return;
    uint32_t step = shadow->bytes ? 1 : WORD;
    uintptr_t stop = shadow->base + PAGE < end ? shadow->base + PAGE : end;
    for (; at < stop; at += step) {
      a.address = (const char *)at;
      check_mark(&a, w, &shadow->marks[(at - shadow->base) / step]);
    }
  }
  if (!(flags & SM_ACCESS_ATOMIC)) return;
  group_order *g = &w->groups[a.group];
  g->atomic = 1;
  if ((flags & SM_ACCESS_WRITE) && g->fence) g->published = g->fence;
}

void sm_watch_device_fence(sm_frame *frame) {
  sm_watch *w = frame->simd->worker->job->watch;
  if (!w) return;
  group_order *g = &w->groups[number_of(frame, w)];
  g->fence = ++w->clock;
  if (g->atomic) g->acquired = 1;
}
