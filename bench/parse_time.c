/* SPDX-License-Identifier: MIT */
/*
 * parse_time.c - how fast whole Python files are read.
 *
 * The files are those of Python's own standard library, where it is installed
 * (else nothing is measured): each is parsed whole, again and again, until
 * 10 MB are through. The trees, names and positions of everything are made.
 */
#include "bench.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

enum { TARGET = 10 << 20, ROUNDS = 5 };

typedef struct source { char *text; size_t size; } source;

static size_t parse_all(const source *files, size_t count) {
  size_t done = 0;
  for (size_t i = 0; count && done < TARGET; i = (i + 1) % count) {
    tm_error *error = NULL;
    tm_module *module;
    bench_check(tm_module_parse(&module, NULL, "file.py", files[i].text,
                                files[i].size, NULL, &error),
                error);
    tm_module_destroy(module);
    done += files[i].size;
  }
  return done;
}

void bench_parse(void) {
  if (!bench_wanted("parse")) return;
  glob_t found;
  if (glob("/usr/lib/python3.*/*.py", 0, NULL, &found)) {
    puts("parse: Python's standard library is not at /usr/lib/python3.*: "
         "not measured");
    return;
  }
  source *files = calloc(found.gl_pathc, sizeof *files);
  if (!files) abort();
  for (size_t i = 0; i < found.gl_pathc; i++)
    files[i].text = bench_read(found.gl_pathv[i], &files[i].size);
  double speeds[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    double start = bench_seconds();
    size_t done = parse_all(files, found.gl_pathc);
    speeds[r] = 1e-6 * (double)done / (bench_seconds() - start);
  }
  bench_least("parse 10 MB of Python", bench_median(speeds, ROUNDS), "MB/s",
              50);
  for (size_t i = 0; i < found.gl_pathc; i++) free(files[i].text);
  free(files);
  globfree(&found);
}
