/* SPDX-License-Identifier: MIT */
/*
 * test_endurance.c - many launches of mixed kernels on several threads, with
 * one in some dozens of Metal's operations and one in 200 allocations failing,
 * the cache's file being damaged, deleted and short of disk: no leak, no lost
 * error, right answers.
 *
 * LAUNCHES and SEED in the environment; make endurance takes a million. The
 * run is cut into tenths. After each the workers end, and what is alive is
 * counted: Metal's objects and the library's allocations must be as many as
 * after the first, and resident memory must not have grown.
 */
#define _GNU_SOURCE
#include "../runtime/handles.h"
#include "endurance/endurance.h"
#include "faults/faults.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 4, PARTS = 10, DEFAULT_LAUNCHES = 60000 };

/* Command buffers fail in several ways, buffers, libraries, pipelines too. */
static const char faults[] =
    "timeout:1/150,page-fault:1/170,internal:1/190,out-of-memory:1/230,"
    "device-removed:1/290,buffer:1/12,library:1/20,pipeline:1/20";
enum { ALLOCATIONS = 200 }; /* one of these fails */

static shared all;
static uint64_t goal; /* launches of this part */

typedef struct alive {
  int64_t objects;   /* of Metal; 0 where that cannot be asked */
  size_t allocations;/* of the library and these programs */
  double resident;   /* MiB */
  tm_memory_facts memory;
} alive;

static int64_t metal_objects(void) {
  void *library = dlopen(getenv("TRITON_METAL_SOFTMETAL"), RTLD_NOW);
  void *address = library ? dlsym(library, "softmetal_live_objects") : NULL;
  int64_t (*count)(void) = NULL;
  if (!address) return 0;
  memcpy(&count, &address, sizeof count);
  int64_t last = count();
  for (int i = 0; i < 100; i++) { /* handlers end on other threads */
    usleep(2000);
    int64_t now = count();
    if (now == last && i > 4) break;
    last = now;
  }
  return last;
}

static double resident_mib(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  long pages = 0;
  if (file) {
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1048576;
}

static alive look_around(void) {
  alive now = {.memory = TM_MEMORY_FACTS_INIT};
  tm_memory_trim(all.context);
  tmi_handles_flush();
  now.objects = metal_objects();
  now.allocations = faults_live();
  now.resident = resident_mib();
  tm_memory_info(all.context, &now.memory, NULL);
  return now;
}

static worker workers[THREADS];

static void *work(void *seed) {
  worker *w = &workers[(uintptr_t)seed % THREADS];
  if (!worker_open(w, &all, (uint64_t)(uintptr_t)seed)) {
    all.lost = true;
    snprintf(all.what, sizeof all.what, "a worker cannot begin");
    return NULL;
  }
  while (all.launches < goal && !all.lost) worker_turn(w);
  worker_close(w);
  return NULL;
}

static void run_part(uint64_t launches, uint64_t seed) {
  pthread_t threads[THREADS];
  goal = all.launches + launches;
  faults_arm_rate(FAULT_MALLOC, ALLOCATIONS);
  for (uint64_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, work,
                                    (void *)(uintptr_t)(seed * THREADS + i +
                                                        1)),
                     0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  faults_disarm();
}

static uint64_t number(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(int part, const alive *now, double since) {
  print_message(
      "  %3d%%: %llu launches, %.0f s; alive: %lld objects of Metal, %zu "
      "allocations, %llu buffers, %lld tensors; resident %.1f MiB\n",
      part * 100 / PARTS, (unsigned long long)all.launches,
      seconds() - since, (long long)now->objects, now->allocations,
      (unsigned long long)now->memory.buffers, (long long)all.tensors_out,
      now->resident);
}

static void say_errors(const damage *d) {
  print_message("  %llu graphs, %llu events, %llu callbacks\n",
                (unsigned long long)all.graphs,
                (unsigned long long)all.events, (unsigned long long)all.calls);
  print_message("  %llu synchronized, %llu compiles, %llu contexts, %llu "
                "wraps, %llu tensors; the cache damaged %llu times\n",
                (unsigned long long)all.synchronized,
                (unsigned long long)all.compiles,
                (unsigned long long)all.contexts,
                (unsigned long long)all.wraps,
                (unsigned long long)all.tensors, (unsigned long long)d->done);
  for (int i = 0; i < STATUSES; i++)
    if (all.errors[i])
      print_message("  %llu calls gave %s\n",
                    (unsigned long long)all.errors[i],
                    tm_status_name((tm_status)i));
}

static void launches_go_on_whatever_fails(void **state) {
  char folder[] = "/tmp/tm-endurance-XXXXXX", command[64];
  assert_non_null(mkdtemp(folder));
  signal(SIGXFSZ, SIG_IGN); /* a full disk is an error, not the end */
  /* cmocka's handlers end the process without a word on other threads. */
  static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
    signal(deadly[i], SIG_DFL);
  unsetenv("SOFTMETAL_FAULT");
  assert_true(shared_open(&all, folder));
  uint64_t launches = number("LAUNCHES", DEFAULT_LAUNCHES);
  damage d = {.folder = folder, .random = number("SEED", 1) + 99};
  pthread_t breaker;
  setenv("SOFTMETAL_FAULT", faults, 1);
  assert_int_equal(pthread_create(&breaker, NULL, damage_run, &d), 0);
  double start = seconds();
  alive first = {0}, now = {0};
  for (int part = 1; part <= PARTS && !all.lost; part++) {
    run_part(launches / PARTS, number("SEED", 1) * 1000 + (uint64_t)part);
    now = look_around();
    if (part == 1) first = now;
    if (launches > DEFAULT_LAUNCHES || part == 1 || part == PARTS)
      say(part, &now, start);
  }
  d.ends = true;
  pthread_join(breaker, NULL);
  unsetenv("SOFTMETAL_FAULT");
  say_errors(&d);
  if (all.lost) fail_msg("%s", all.what);
  assert_true(all.errors[TM_E_DEVICE] > 0 && all.errors[TM_E_MEMORY] > 0);
  assert_int_equal(now.memory.buffers, 0);
  assert_int_equal(now.memory.used, 0);
  assert_int_equal(all.tensors_out, 0);
  assert_int_equal(all.calls_out, 0);
  /* Variants and pipelines that the first tenth did not need. */
  assert_true(now.objects <= first.objects + 80);
  assert_true(now.allocations <= first.allocations + 200);
  shared_close(&all);
  assert_int_equal(metal_objects(), 0);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(launches_go_on_whatever_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
