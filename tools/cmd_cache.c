/* SPDX-License-Identifier: MIT */
/* cmd_cache.c - `tritonmetal cache`: looks after the kernel cache. */
#define _GNU_SOURCE
#include "tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: tritonmetal cache ACTION\n\n"
    "  stats         the file, its rows and bytes, and any trouble with it\n"
    "  list          every row, last used first\n"
    "  verify        check every row's checksum; damaged rows are deleted\n"
    "  clear         delete every row\n"
    "  prune DAYS    delete rows that were not used for so long\n"
    "  export FILE   write all kernels to a pack\n"
    "  import FILE   add the kernels of a pack\n\n"
    "TRITON_METAL_CACHE_DIR names the folder. A pack for several chips is\n"
    "made by `tritonmetal compile --cache` for each into one folder, then\n"
    "exporting it. A program finds its kernels when it parses the same text\n"
    "under the same module name.\n";

static int stats(tm_context *context, const char *unused) {
  (void)unused;
  tm_error *error = NULL;
  tm_cache_facts facts = {.struct_size = sizeof facts};
  if (tm_cache_stats(context, &facts, &error)) return tool_fail(error);
  printf("file   %s\n", facts.path ? facts.path : "none");
  printf("state  %s\n", !facts.usable     ? "cannot be used"
                        : !facts.writable ? "read-only"
                                          : "usable");
  printf("rows   %" PRIu64 "\nbytes  %" PRIu64 "\n", facts.rows, facts.bytes);
  if (facts.trouble[0]) printf("note   %s\n", facts.trouble);
  return EXIT_DONE;
}

/* Rows may have come in a pack, and a terminal obeys some bytes. */
static void print_harmless(const char *text) {
  for (; *text; text++)
    putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static int print_row(void *payload, const tm_cache_entry *row) {
  (void)payload;
  char when[32] = "";
  time_t used = (time_t)row->used;
  struct tm parts;
  if (gmtime_r(&used, &parts))
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
  printf("%s  ", row->hash);
  print_harmless(row->kind);
  printf("%*s %8" PRIu64 " bytes  %6" PRIu64 " uses  %s  ",
         strlen(row->kind) < 8 ? 8 - (int)strlen(row->kind) : 0, "",
         row->value_size, row->uses, when);
  print_harmless(row->label);
  putchar('\n');
  return 1;
}

static int list(tm_context *context, const char *unused) {
  (void)unused;
  tm_error *error = NULL;
  if (tm_cache_list(context, print_row, NULL, &error)) return tool_fail(error);
  return EXIT_DONE;
}

static int verify(tm_context *context, const char *unused) {
  (void)unused;
  tm_error *error = NULL;
  uint64_t good, bad;
  if (tm_cache_verify(context, &good, &bad, &error)) return tool_fail(error);
  printf("%" PRIu64 " good, %" PRIu64 " bad rows\n", good, bad);
  return bad ? EXIT_DIAGNOSED : EXIT_DONE;
}

static int clear(tm_context *context, const char *unused) {
  (void)unused;
  tm_error *error = NULL;
  if (tm_cache_clear(context, &error)) return tool_fail(error);
  return EXIT_DONE;
}

static int prune(tm_context *context, const char *days) {
  tm_error *error = NULL;
  uint64_t deleted;
  char *end;
  unsigned long long n = strtoull(days, &end, 10);
  if (*days < '0' || *days > '9' || *end || n > 36500)
    return tool_usage("cache", "'%s' is no number of days", days);
  /* With the device open, archives of other systems are known, and go. */
  tm_stream *stream;
  if (!tm_stream_create(&stream, context, NULL, NULL))
    tm_stream_destroy(stream);
  if (tm_cache_prune(context, n * 86400, &deleted, &error))
    return tool_fail(error);
  printf("%" PRIu64 " rows deleted\n", deleted);
  return EXIT_DONE;
}

static int export(tm_context *context, const char *path) {
  tm_error *error = NULL;
  uint64_t kernels;
  if (tm_cache_export(context, path, &kernels, &error))
    return tool_fail(error);
  printf("%" PRIu64 " kernels in %s\n", kernels, path);
  return EXIT_DONE;
}

static int import(tm_context *context, const char *path) {
  tm_error *error = NULL;
  uint64_t kernels;
  if (tm_cache_import(context, path, &kernels, &error))
    return tool_fail(error);
  printf("%" PRIu64 " kernels added\n", kernels);
  return EXIT_DONE;
}

int cmd_cache(int argc, char **argv) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  static const struct {
    const char *name;
    int (*run)(tm_context *, const char *);
    const char *operand; /* NULL: takes none */
  } actions[] = {
      {"stats", stats, NULL},   {"list", list, NULL},
      {"verify", verify, NULL}, {"clear", clear, NULL},
      {"prune", prune, "a number of days"},
      {"export", export, "a file"}, {"import", import, "a file"}};
  for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (c != 'h') return tool_usage("cache", "unknown option");
    fputs(usage, stdout);
    return EXIT_DONE;
  }
  if (optind == argc) return tool_usage("cache", "give an action");
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    const char *operand = actions[i].operand;
    if (strcmp(argv[optind], actions[i].name)) continue;
    if (operand && optind + 2 != argc)
      return tool_usage("cache", "give %s %s", actions[i].name, operand);
    if (!operand && optind + 1 != argc)
      return tool_usage("cache", "%s takes nothing more", actions[i].name);
    tm_error *error = NULL;
    tm_context *context;
    if (tm_context_create(&context, NULL, &error)) return tool_fail(error);
    int result = actions[i].run(context, operand ? argv[optind + 1] : NULL);
    tm_context_destroy(context);
    return result;
  }
  return tool_usage("cache", "unknown action '%s'", argv[optind]);
}
