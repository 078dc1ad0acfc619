/* SPDX-License-Identifier: MIT */
/*
 * pool.c - the worker threads and the watchdog.
 *
 * Threads are started on first use and stay. One job runs at a time: a
 * dispatch already uses every CPU, so a second one waits for its turn. The
 * calling thread is a worker too; a job of one chunk wakes nobody.
 *
 * Each worker keeps to one CPU, and those are woken that are not on the
 * caller's: schedulers tend to put a woken thread beside its waker, where the
 * two would share one CPU for milliseconds. The caller's own affinity is
 * never touched.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static pthread_cond_t alarm_set = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

typedef struct thread {
  pthread_cond_t wake;
  sm_worker *worker;
  bool invited; /* to the current job */
  int cpu;      /* that it keeps to; -1: any */
} thread;

static sm_job *current;      /* job to take part in */
static unsigned busy;        /* workers inside the job */
static thread *threads[MAX_THREADS];
static unsigned started;
static pid_t owner;          /* process that started the workers */
static sm_worker *caller_worker;

static sm_job *watched;      /* job with a deadline */
static struct timespec deadline;
static bool watchdog_started;

void sm_pool_lock(void) { pthread_mutex_lock(&lock); }
void sm_pool_unlock(void) { pthread_mutex_unlock(&lock); }

unsigned sm_run_threads(void) {
  static unsigned count;
  unsigned n = __atomic_load_n(&count, __ATOMIC_RELAXED);
  if (n) return n;
  const char *text = getenv("SOFTMETAL_THREADS");
  long value = text ? strtol(text, NULL, 10) : 0;
  if (value < 1) value = sysconf(_SC_NPROCESSORS_ONLN);
  if (value < 1) value = 1;
  if (value > MAX_THREADS) value = MAX_THREADS;
  n = (unsigned)value;
  __atomic_store_n(&count, n, __ATOMIC_RELAXED);
  return n;
}

static void *worker_main(void *argument) {
  thread *self = argument;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (!current || !self->invited)
      pthread_cond_wait(&self->wake, &lock);
    self->invited = false;
    sm_job *job = current;
    busy++;
    pthread_mutex_unlock(&lock);
    sm_worker_run(self->worker, job);
    pthread_mutex_lock(&lock);
    if (--busy == 0) pthread_cond_signal(&done);
  }
  return NULL;
}

/* Sleeps until the deadline of the watched job and then stops it. */
static void *watchdog_main(void *argument) {
  pthread_mutex_lock(&lock);
  for (;;) {
    if (!watched) {
      pthread_cond_wait(&alarm_set, &lock);
      continue;
    }
    int rc = pthread_cond_timedwait(&alarm_set, &lock, &deadline);
    if (rc == ETIMEDOUT && watched) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      if (now.tv_sec > deadline.tv_sec ||
          (now.tv_sec == deadline.tv_sec &&
           now.tv_nsec >= deadline.tv_nsec)) {
        uint32_t zero = 0;
        __atomic_compare_exchange_n(&watched->stop, &zero, 1, false,
                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
        watched = NULL;
      }
    }
  }
  return NULL;
}

/* Signals belong to the host's threads. */
static bool start_thread(void *(*function)(void *), void *argument,
                         int cpu) {
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGFPE);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
#if defined(__linux__)
  if (cpu >= 0) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
  }
#endif
  pthread_t id;
  int rc = pthread_create(&id, &attr, function, argument);
  pthread_attr_destroy(&attr);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return rc == 0;
}

/* The n-th CPU that this process may use; -1: there are fewer. */
static int allowed_cpu(unsigned n) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(getpid(), sizeof(set), &set) != 0) return -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &set) && n-- == 0) return cpu;
#endif
  return -1;
}

static int this_cpu(void) {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

static thread *start_worker(int cpu) {
  thread *t = calloc(1, sizeof(*t));
  sm_worker *worker = aligned_alloc(64, (sizeof(*worker) + 63) & ~63ul);
  if (t && worker) {
    memset(worker, 0, sizeof(*worker));
    pthread_cond_init(&t->wake, NULL);
    t->worker = worker;
    t->cpu = cpu;
    if (start_thread(worker_main, t, cpu)) return t;
  }
  free(worker);
  free(t);
  return NULL;
}

/* Under lock. One worker per thread wanted, on CPUs of their own; the caller
 * takes the place of the one on its CPU. After a fork the threads are gone.
 * A thread that cannot be started is one worker fewer. */
static void start_workers(void) {
  if (owner != getpid()) {
    owner = getpid();
    started = 0;
    watchdog_started = false;
    busy = 0;
  }
  while (started < sm_run_threads()) {
    thread *t = start_worker(allowed_cpu(started));
    if (!t) return;
    threads[started++] = t;
  }
}

/* Under lock. */
static void invite(unsigned wanted) {
  int mine = this_cpu();
  for (unsigned i = 0; i < started && wanted; i++) {
    if (threads[i]->cpu >= 0 && threads[i]->cpu == mine) continue;
    threads[i]->invited = true;
    pthread_cond_signal(&threads[i]->wake);
    wanted--;
  }
}

/* Under lock. Without a watchdog the job has no deadline. */
static void watch(sm_job *job, uint64_t ns) {
  if (!watchdog_started)
    watchdog_started = start_thread(watchdog_main, NULL, -1);
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += (time_t)(ns / 1000000000u);
  deadline.tv_nsec += (long)(ns % 1000000000u);
  if (deadline.tv_nsec >= 1000000000) {
    deadline.tv_sec++;
    deadline.tv_nsec -= 1000000000;
  }
  watched = job;
  pthread_cond_signal(&alarm_set);
}

static void run_on_caller(sm_job *job) {
  if (!caller_worker) {
    caller_worker =
        aligned_alloc(64, (sizeof(*caller_worker) + 63) & ~63ul);
    if (caller_worker) memset(caller_worker, 0, sizeof(*caller_worker));
  }
  if (caller_worker) {
    sm_worker_run(caller_worker, job);
    return;
  }
  sm_job_fail(job, SM_RUN_MEMORY, NULL);
}

void sm_pool_run(sm_job *job) {
  pthread_mutex_lock(&turn);
  uint64_t chunks = (job->total + job->chunk - 1) / job->chunk;
  pthread_mutex_lock(&lock);
  if (job->dispatch->deadline_ns) watch(job, job->dispatch->deadline_ns);
  if (chunks > 1) {
    start_workers();
    unsigned most = sm_run_threads() - 1;
    current = job;
    invite(chunks - 1 < most ? (unsigned)(chunks - 1) : most);
  }
  pthread_mutex_unlock(&lock);
  run_on_caller(job);
  pthread_mutex_lock(&lock);
  current = NULL;
  for (unsigned i = 0; i < started; i++) threads[i]->invited = false;
  while (busy) pthread_cond_wait(&done, &lock);
  if (watched == job) watched = NULL;
  pthread_mutex_unlock(&lock);
  pthread_mutex_unlock(&turn);
}
