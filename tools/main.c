/* SPDX-License-Identifier: MIT */
/* main.c - picks the command, and what all commands share. */
#define _POSIX_C_SOURCE 200809L
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *what;
} commands[] = {
    {"info", cmd_info, "the device, limits, cache and what is missing"},
    {"compile", cmd_compile, "a kernel to MSL or an earlier stage"},
    {"check", cmd_check, "parse files and list their kernels"},
    {"run", cmd_run, "run a kernel on .npy files"},
    {"cache", cmd_cache, "look after the cache, make and take packs"},
};

static void help(FILE *out) {
  fputs("usage: tritonmetal COMMAND [OPTIONS] ...\n\n"
        "Compiles and runs kernels of the Triton language with Metal.\n\n",
        out);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].what);
  fputs("\n`tritonmetal COMMAND --help` explains a command.\n"
        "Exit status: 0 done, 1 a diagnosed failure, 2 wrong usage.\n",
        out);
}

int tool_fail(tm_error *error) {
  const char *text = tm_error_text(error);
  fputs(*text ? text : "tritonmetal: out of memory\n", stderr);
  tm_error_destroy(error);
  return EXIT_DIAGNOSED;
}

int tool_complain(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("tritonmetal: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return EXIT_DIAGNOSED;
}

int tool_usage(const char *command, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "tritonmetal %s: ", command);
  vfprintf(stderr, format, args);
  fprintf(stderr, "\nsee `tritonmetal %s --help`\n", command);
  va_end(args);
  return EXIT_USAGE;
}

int tool_name_kernel(const char *command, const char *file,
                     const tm_module *module) {
  size_t count = tm_module_kernel_count(module);
  if (!count) return tool_complain("%s has no kernels", file);
  return tool_usage(command, "%s has %zu kernels: name one with -k", file,
                    count);
}

bool tool_number(const char *text, long least, long most, long *out) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (end == text || *end || errno || value < least || value > most)
    return false;
  *out = value;
  return true;
}

int tool_count(const char *command, const char *text, uint32_t *out) {
  long number;
  if (!tool_number(text, 1, 1024, &number))
    return tool_usage(command, "'%s' is not a number from 1 to 1024", text);
  *out = (uint32_t)number;
  return EXIT_DONE;
}

double tool_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    help(stderr);
    return EXIT_USAGE;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
      !strcmp(argv[1], "help")) {
    help(stdout);
    return EXIT_DONE;
  }
  if (!strcmp(argv[1], "--version")) {
    printf("tritonmetal %s\n", tm_version_text());
    return EXIT_DONE;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (!strcmp(argv[1], commands[i].name))
      return commands[i].run(argc - 1, argv + 1);
  fprintf(stderr, "tritonmetal: unknown command '%s'\n", argv[1]);
  help(stderr);
  return EXIT_USAGE;
}
