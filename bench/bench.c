/* SPDX-License-Identifier: MIT */
/* bench.c - runs the benches that the argument (a regular expression) picks,
 * prints a table and writes build/bench.json. */
#define _GNU_SOURCE
#include "bench.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
  const char *name, *unit, *peer;
  double value, peer_value, ratio, bar;
  bool ok, at_least; /* without a peer: which side of the bar is good */
} row;

static row rows[128];
static size_t n_rows;
static regex_t filter;

static void add(row r) {
  if (n_rows < sizeof rows / sizeof *rows) rows[n_rows++] = r;
  printf("%-34s %10.4g %-8s", r.name, r.value, r.unit);
  if (r.peer)
    printf(" %10.4g  %5.2f of %-34s at least %.2f", r.peer_value, r.ratio,
           r.peer, r.bar);
  else
    printf(" %60s at %s %g", "", r.at_least ? "least" : "most", r.bar);
  printf("  %s\n", r.ok ? "ok" : "SHORT");
  fflush(stdout);
}

void bench_limit(const char *name, double value, const char *unit,
                 double bar) {
  add((row){name, unit, NULL, value, 0, bar / value, bar, value <= bar, false});
}

void bench_least(const char *name, double value, const char *unit,
                 double bar) {
  add((row){name, unit, NULL, value, 0, value / bar, bar, value >= bar, true});
}

void bench_against(const char *name, double value, const char *unit,
                   const char *peer, double peer_value, double bar) {
  double ratio = value / peer_value;
  add((row){name, unit, peer, value, peer_value, ratio, bar, ratio >= bar, true});
}

bool bench_wanted(const char *name) {
  return regexec(&filter, name, 0, NULL, 0) == 0;
}

static bool write_json(const char *path) {
  FILE *out = fopen(path, "w");
  if (!out) return false;
  fputs("[\n", out);
  for (size_t i = 0; i < n_rows; i++) {
    const row *r = &rows[i];
    fprintf(out, "  {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", ",
            r->name, r->value, r->unit);
    if (r->peer)
      fprintf(out, "\"peer\": \"%s\", \"peer_value\": %.6g, \"ratio\": %.4g, ",
              r->peer, r->peer_value, r->ratio);
    else
      fputs("\"peer\": null, \"peer_value\": null, \"ratio\": null, ", out);
    fprintf(out, "\"bar\": %g, \"ok\": %s}%s\n", r->bar,
            r->ok ? "true" : "false", i + 1 < n_rows ? "," : "");
  }
  fputs("]\n", out);
  return fclose(out) == 0;
}

int main(int argc, char **argv) {
  double started = bench_seconds();
  bench_program = argv[0];
  if (argc > 1 && !strcmp(argv[1], "--first-answer"))
    return bench_first_answer(started);
  if (argc > 1 && !strcmp(argv[1], "--first-kernel"))
    return bench_first_kernel();
  const char *pattern = argc > 1 && *argv[1] ? argv[1] : ".";
  if (regcomp(&filter, pattern, REG_EXTENDED | REG_NOSUB)) {
    fprintf(stderr, "bench: '%s' is not a regular expression\n", pattern);
    return 2;
  }
  printf("%-34s %10s %-8s %10s\n", "what", "ours", "unit", "peer");
  bench_parse();
  bench_compile();
  bench_launches();
  bench_streams();
  bench_graphs();
  bench_functions();
  bench_autotune();
  bench_kernels();
  bench_msl();
  bench_emitted();
  bench_traffic();
  bench_start();
  regfree(&filter);
  if (!write_json("build/bench.json")) {
    fputs("bench: cannot write build/bench.json\n", stderr);
    return 1;
  }
  size_t ok = 0;
  for (size_t i = 0; i < n_rows; i++) ok += rows[i].ok;
  printf("%zu of %zu bars are met; build/bench.json has the figures\n", ok,
         n_rows);
  return 0;
}
