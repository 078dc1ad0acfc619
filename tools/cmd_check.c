/* SPDX-License-Identifier: MIT */
/* cmd_check.c - `tritonmetal check`: parses whole files, lists kernels. */
#define _GNU_SOURCE
#include "tool.h"

#include <getopt.h>
#include <stdlib.h>

static const char usage[] =
    "usage: tritonmetal check [-q] FILE.py...\n\n"
    "Parses whole files and lists the kernels in each. Exits 1 with the\n"
    "diagnostics when one does not parse.\n\n"
    "  -q, --quiet   list nothing, only diagnose\n";

static int check_file(const char *path, bool quiet) {
  size_t size;
  char *text = tool_read_file(path, &size);
  if (!text) return EXIT_DIAGNOSED;
  tm_error *error = NULL;
  tm_module *module;
  tm_status status =
      tm_module_parse(&module, NULL, path, text, size, NULL, &error);
  free(text);
  if (status) return tool_fail(error);
  size_t count = tm_module_kernel_count(module);
  for (size_t i = 0; !quiet && i < count; i++)
    printf("%s: %s\n", path, tm_module_kernel_name(module, i));
  if (!quiet && !count) printf("%s: no kernels\n", path);
  tm_module_destroy(module);
  return EXIT_DONE;
}

int cmd_check(int argc, char **argv) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {NULL, 0, NULL, 0}};
  bool quiet = false;
  for (int c; (c = getopt_long(argc, argv, "hq", options, NULL)) != -1;) {
    if (c == 'h') {
      fputs(usage, stdout);
      return EXIT_DONE;
    }
    if (c != 'q') return tool_usage("check", "unknown option");
    quiet = true;
  }
  if (optind == argc) return tool_usage("check", "no file given");
  int result = EXIT_DONE;
  for (int i = optind; i < argc; i++)
    if (check_file(argv[i], quiet)) result = EXIT_DIAGNOSED;
  return result;
}
