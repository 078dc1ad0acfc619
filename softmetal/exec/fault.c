/* SPDX-License-Identifier: MIT */
/*
 * fault.c - bad addresses in kernel code become errors, not crashes.
 *
 * While a worker is inside kernel code, SIGSEGV, SIGBUS and SIGFPE on its
 * thread are ours: the handler notes the address and moves the interrupted
 * thread to `landing`, which leaves the kernel as any other error does.
 * Every other signal goes to whoever had the handler before. The handler
 * runs on its own stack, since a fault can be an overflow of a kernel's.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

enum { SIGNAL_STACK = 32 * 1024 };

static __thread sm_worker *here;
static struct sigaction previous[3];
static const int signals[3] = {SIGSEGV, SIGBUS, SIGFPE};

/* The buffer that the address is in or just behind; -1 if none is near. */
static int nearest_buffer(const sm_dispatch *d, const char *address,
                          int64_t *offset) {
  int best = -1;
  uint64_t best_distance = (uint64_t)1 << 32;
  for (int i = 0; i < SM_BUFFERS; i++) {
    const char *start = d->buffers[i].pointer;
    if (!start) continue;
    int64_t at = (int64_t)((uintptr_t)address - (uintptr_t)start);
    uint64_t distance =
        at < 0 ? (uint64_t)-at
               : (uint64_t)at > d->buffers[i].length
                     ? (uint64_t)at - d->buffers[i].length : 0;
    if (distance >= best_distance) continue;
    best = i;
    best_distance = distance;
    *offset = at;
  }
  return best;
}

/* The guard was touched, or the stack pointer has passed over it: then what
 * the faulting access meant is not where the stack is. */
static bool is_overflow(const sm_worker *w) {
  const sm_stack *a = &w->main_stack;
  const sm_stack *b = &w->stacks[w->group.running->simdgroup];
  return sm_stack_guards(a, w->fault_address) ||
         sm_stack_guards(b, w->fault_address) ||
         !(sm_stack_has(a, w->fault_pointer) ||
           sm_stack_has(b, w->fault_pointer));
}

static void landing(void) {
  sm_worker *w = here;
  if (is_overflow(w))
    sm_worker_abort(w, SM_RUN_STACK, sm_worker_message(w,
        "the kernel's local variables overflow its stack"));
  if (w->fault_signal == SIGFPE)
    sm_worker_abort(w, SM_RUN_FAULT,
                    sm_worker_message(w, "arithmetic fault"));
  int64_t offset = 0;
  int buffer =
      nearest_buffer(w->job->dispatch, w->fault_address, &offset);
  if (buffer >= 0)
    sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
        "access to unmapped memory at %p: byte offset %lld of buffer %d, "
        "which has %llu bytes", (void *)w->fault_address, (long long)offset,
        buffer,
        (unsigned long long)w->job->dispatch->buffers[buffer].length));
  sm_worker_abort(w, SM_RUN_FAULT, sm_worker_message(w,
      "access to unmapped memory at %p, near no buffer",
      (void *)w->fault_address));
}

static void chain(int number, siginfo_t *info, void *context) {
  const struct sigaction *old = &previous[0];
  for (int i = 0; i < 3; i++)
    if (signals[i] == number) old = &previous[i];
  if (old->sa_flags & SA_SIGINFO) {
    old->sa_sigaction(number, info, context);
  } else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
    signal(number, SIG_DFL); /* returning repeats the fault */
  } else {
    old->sa_handler(number);
  }
}

static void handler(int number, siginfo_t *info, void *context) {
  sm_worker *w = here;
  if (!w || !w->in_kernel) {
    chain(number, info, context);
    return;
  }
  w->fault_address = info->si_addr;
  w->fault_signal = number;
  ucontext_t *u = context;
  void (*target)(void) = landing;
  uintptr_t to;
  memcpy(&to, &target, sizeof(to));
  /* The kernel's stack may be full, so landing gets its own. */
  uintptr_t top = (uintptr_t)w->signal_stack + SIGNAL_STACK * 2;
#if defined(__x86_64__)
  w->fault_pointer = (char *)(uintptr_t)u->uc_mcontext.gregs[REG_RSP];
  u->uc_mcontext.gregs[REG_RSP] = (greg_t)((top & ~(uintptr_t)63) - 8);
  u->uc_mcontext.gregs[REG_RIP] = (greg_t)to;
#elif defined(__aarch64__)
  w->fault_pointer = (char *)(uintptr_t)u->uc_mcontext.sp;
  u->uc_mcontext.sp = top & ~(uintptr_t)63;
  u->uc_mcontext.pc = to;
#endif
}

/* Hosts install handlers of their own at any time (debuggers, runtimes, test
 * frameworks), so each dispatch looks and goes in front again. */
void sm_fault_install(void) {
  struct sigaction action, now;
  memset(&action, 0, sizeof(action));
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sm_pool_lock();
  for (int i = 0; i < 3; i++) {
    if (sigaction(signals[i], NULL, &now) != 0) continue;
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handler) continue;
    previous[i] = now;
    sigaction(signals[i], &action, NULL);
  }
  sm_pool_unlock();
}

/* The lower half is the signal stack, the upper half is where landing runs.
 * A host's own alternate stack is put back afterwards. */
void sm_fault_enter(sm_worker *worker) {
  here = worker;
  if (!worker->signal_stack)
    worker->signal_stack = aligned_alloc(64, SIGNAL_STACK * 2);
  stack_t stack = {0}, old;
  if (!worker->signal_stack) return;
  if (sigaltstack(NULL, &old) == 0 && !(old.ss_flags & SS_DISABLE) &&
      old.ss_size >= 8192)
    return;
  stack.ss_sp = worker->signal_stack;
  stack.ss_size = SIGNAL_STACK;
  sigaltstack(&stack, NULL);
}

void sm_fault_leave(sm_worker *worker) {
  here = NULL;
  stack_t old;
  if (sigaltstack(NULL, &old) == 0 && old.ss_sp == worker->signal_stack) {
    stack_t off = {0};
    off.ss_flags = SS_DISABLE;
    sigaltstack(&off, NULL);
  }
}
