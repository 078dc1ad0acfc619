/* SPDX-License-Identifier: MIT */
/* cmd_info.c - `tritonmetal info`: the compatibility check. */
#define _GNU_SOURCE
#include "tool.h"

#include <getopt.h>

static const char usage[] =
    "usage: tritonmetal info [--json]\n\n"
    "Prints the device, its chip, families and limits, the versions of macOS,\n"
    "Metal and MSL, what is done for this chip, the cache file and library\n"
    "versions, and what is missing and how to get it. The exit status is 0\n"
    "when kernels can be launched.\n\n"
    "      --json           the same as a JSON object\n";

int cmd_info(int argc, char **argv) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
  bool json = false;
  for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (c == 'j') {
      json = true;
      continue;
    }
    if (c != 'h') return tool_usage("info", "unknown option");
    fputs(usage, stdout);
    return EXIT_DONE;
  }
  if (optind < argc)
    return tool_usage("info", "unexpected argument '%s'", argv[optind]);
  tm_error *error = NULL;
  tm_context *context;
  if (tm_context_create(&context, NULL, &error)) return tool_fail(error);
  tm_environment_facts facts = {.struct_size = sizeof facts};
  int result = EXIT_DONE;
  if (tm_environment(context, &facts, &error))
    result = tool_fail(error);
  else {
    fputs(json ? facts.json : facts.report, stdout);
    result = facts.compiles ? EXIT_DONE : EXIT_DIAGNOSED;
  }
  tm_context_destroy(context);
  return result;
}
