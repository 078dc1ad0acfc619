/* SPDX-License-Identifier: MIT */
/* cmd_compile.c - `tritonmetal compile`: a kernel to text, with no device. */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char usage[] =
    "usage: tritonmetal compile FILE.py -k KERNEL -s SIGNATURE [OPTIONS]\n\n"
    "Compiles one kernel. Needs no device.\n\n"
    "  -k, --kernel NAME       the kernel; may be left out if there is one\n"
    "  -s, --signature TEXT    one entry an argument, separated by commas:\n"
    "                          *fp32:16 (pointer, divisible by 16), i32,\n"
    "                          i32:16, i32:1 (equal to 1), or a constexpr\n"
    "                          literal (1024, 0.5, true, none, 'text');\n"
    "                          tensordesc<fp16[64,64]>, (*fp32, i32, 16),\n"
    "                          (x=*fp32, n=i32): descriptors and tuples\n"
    "  -D, --define NAME=VALUE set a constexpr by name instead\n"
    "      --chip CHIP         m1 ... m5, with -pro, -max, -ultra "
    "(default m1)\n"
    "      --num-warps N       simdgroups of a program (default: by its tiles)\n"
    "      --num-stages N      as in Triton (default 3)\n"
    "      --tensor-ops        tl.dot by tensor operations (chips from m5)\n"
    "      --emit STAGE        ast, ttir, layout, msl (default) or info\n"
    "      --cache             keep it in the cache, for `cache export`\n"
    "      --grid X[,Y[,Z]]    with info: estimate a launch of so many "
    "programs\n"
    "  -A, --arg NAME=NUMBER   with info: a number that it is launched with\n"
    "  -I, --include DIR       also look here for imported modules\n"
    "  -o, --output FILE       write there instead of to standard output\n";

typedef struct request {
  const char *file, *kernel, *signature, *emit, *output;
  tm_compile_options options;
  tm_define *defines;
  tool_list folders, numbers; /* numbers: NAME=NUMBER */
  const char *grid;
} request;

static int add_define(request *r, char *text) {
  char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return tool_usage("compile", "-D wants NAME=VALUE, found '%s'", text);
  tm_define *grown = realloc(
      r->defines, (r->options.n_defines + 1) * sizeof *r->defines);
  if (!grown) return tool_complain("out of memory");
  r->defines = grown;
  tm_define *define = &grown[r->options.n_defines];
  *equals = 0;
  define->name = text;
  char *value = equals + 1;
  size_t n = strlen(value);
  tm_error *error = NULL;
  if (!n)
    define->value = tm_arg_text("");
  else if (n >= 2 && (*value == '\'' || *value == '"') &&
           value[n - 1] == *value) {
    value[n - 1] = 0;
    define->value = tm_arg_text(value + 1);
  } else if (tm_arg_parse(&define->value, value, &error))
    return tool_fail(error);
  r->options.n_defines++;
  return EXIT_DONE;
}

enum {
  OPT_CHIP = 256, OPT_WARPS, OPT_STAGES, OPT_EMIT, OPT_CACHE, OPT_GRID,
  OPT_TENSORS
};

/* EXIT_DONE to go on, -1 after --help, or the exit status. */
static int parse_options(request *r, int argc, char **argv) {
  static const struct option options[] = {
      {"kernel", required_argument, NULL, 'k'},
      {"signature", required_argument, NULL, 's'},
      {"define", required_argument, NULL, 'D'},
      {"include", required_argument, NULL, 'I'},
      {"output", required_argument, NULL, 'o'},
      {"chip", required_argument, NULL, OPT_CHIP},
      {"num-warps", required_argument, NULL, OPT_WARPS},
      {"num-stages", required_argument, NULL, OPT_STAGES},
      {"tensor-ops", no_argument, NULL, OPT_TENSORS},
      {"emit", required_argument, NULL, OPT_EMIT},
      {"cache", no_argument, NULL, OPT_CACHE},
      {"grid", required_argument, NULL, OPT_GRID},
      {"arg", required_argument, NULL, 'A'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  int c, failed;
  while ((c = getopt_long(argc, argv, "k:s:D:I:o:A:h", options, NULL)) != -1) {
    switch (c) {
      case 'k': r->kernel = optarg; break;
      case 's': r->signature = optarg; break;
      case 'o': r->output = optarg; break;
      case 'I': tool_list_add(&r->folders, optarg); break;
      case 'D':
        if ((failed = add_define(r, optarg))) return failed;
        break;
      case OPT_CHIP: r->options.chip = optarg; break;
      case OPT_EMIT: r->emit = optarg; break;
      case OPT_CACHE: r->options.cache = TM_SWITCH_ON; break;
      case OPT_TENSORS: r->options.tensor_ops = TM_SWITCH_ON; break;
      case OPT_GRID: r->grid = optarg; break;
      case 'A': tool_list_add(&r->numbers, optarg); break;
      case OPT_WARPS:
      case OPT_STAGES:
        failed = tool_count("compile", optarg,
                            c == OPT_WARPS ? &r->options.num_warps
                                           : &r->options.num_stages);
        if (failed) return failed;
        break;
      case 'h':
        fputs(usage, stdout);
        return -1;
      default:
        return tool_usage("compile", "unknown option");
    }
  }
  if (optind == argc) return tool_usage("compile", "no file given");
  if (optind + 1 < argc)
    return tool_usage("compile", "unexpected argument '%s'",
                      argv[optind + 1]);
  r->file = argv[optind];
  return EXIT_DONE;
}

static void print_info(FILE *out, const tm_kernel_facts *facts) {
  fprintf(out, "kernel             %s\n", facts->name);
  fprintf(out, "chip               %s\n", facts->chip);
  fprintf(out, "num_warps          %u\n", facts->num_warps);
  fprintf(out, "num_stages         %u\n", facts->num_stages);
  fprintf(out, "threads            %u a threadgroup\n", facts->threads);
  fprintf(out, "threadgroup memory %u bytes\n", facts->threadgroup_bytes);
  fprintf(out, "needs              MSL %u.%u, Apple GPU family %u\n",
          facts->language_version >> 16, facts->language_version & 0xffff,
          facts->family);
  for (size_t i = 0; i < facts->n_args; i++) {
    const tm_kernel_arg *arg = &facts->args[i];
    fprintf(out, "argument %-2zu        %s: %s", i, arg->name, arg->type);
    if (arg->divisibility > 1)
      fprintf(out, ", divisible by %u", arg->divisibility);
    if (arg->is_buffer)
      fprintf(out, ",%s%s%s", arg->reads ? " read" : "",
              arg->writes ? " written" : "",
              arg->reads || arg->writes ? "" : " unused");
    fputc('\n', out);
  }
}

static void print_occupancy(FILE *out, const tm_estimate *e) {
  fprintf(out, "registers          about %u a thread\n", e->registers);
  if (e->threadgroups_per_core)
    fprintf(out, "occupancy          %u threadgroups a core, limited by %s\n",
            e->threadgroups_per_core, e->occupancy_limit);
  else
    fprintf(out, "occupancy          %s\n", e->occupancy_limit);
}

/* NAME=NUMBER for the argument of that name. */
static int take_number(const tm_kernel_facts *facts, const char *text,
                       tm_arg *args) {
  const char *equals = strchr(text, '=');
  char *end;
  if (!equals || equals == text)
    return tool_usage("compile", "-A wants NAME=NUMBER, found '%s'", text);
  errno = 0;
  long long x = strtoll(equals + 1, &end, 0);
  if (errno || end == equals + 1 || *end)
    return tool_usage("compile", "'%s' is not an integer", equals + 1);
  for (size_t i = 0; i < facts->n_args; i++) {
    const char *name = facts->args[i].name;
    if (strlen(name) != (size_t)(equals - text) ||
        strncmp(name, text, strlen(name)) != 0)
      continue;
    if (facts->args[i].is_buffer)
      return tool_usage("compile", "-A %s: '%s' is a buffer", text, name);
    args[i] = tm_arg_int(x);
    return EXIT_DONE;
  }
  return tool_usage("compile", "-A %s: the kernel has no such argument at run "
                    "time", text);
}

/* X[,Y[,Z]], each from 1 to 2^32 - 1. */
static int read_grid(const char *text, tm_grid *grid) {
  unsigned long long n[3] = {1, 1, 1};
  for (int i = 0; i < 3; i++) {
    char *end;
    errno = 0;
    n[i] = strtoull(text, &end, 10);
    if (errno || end == text || *text == '-' || !n[i] || n[i] > UINT32_MAX)
      break;
    if (!*end) {
      *grid = tm_grid_3d((uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2]);
      return EXIT_DONE;
    }
    if (*end != ',') break;
    text = end + 1;
  }
  return tool_usage("compile", "--grid wants X[,Y[,Z]], numbers of programs");
}

static void print_estimate(FILE *out, const tm_estimate *e) {
  fprintf(out, "device memory      %.0f bytes read, %.0f written (threads ask "
          "for %.0f)\n", e->bytes_read, e->bytes_written, e->bytes_asked);
  fprintf(out, "arithmetic         %.0f flops, %.0f of them in matrix "
          "products\n", e->flops, e->matrix_flops);
  fprintf(out, "threadgroup bytes  %.0f written and read\n",
          e->threadgroup_bytes);
  fprintf(out, "bound              %s\n", e->bound);
  fprintf(out, "predicted time     %.3g us at least (memory %.3g, arithmetic "
          "%.3g, products %.3g, threadgroup %.3g)\n", e->seconds * 1e6,
          e->memory_seconds * 1e6, e->arithmetic_seconds * 1e6,
          e->matrix_seconds * 1e6, e->threadgroup_seconds * 1e6);
  if (!e->is_exact)
    fputs("                   some loops or masks depend on data: taken to run "
          "once, to be true\n", out);
}

/* Registers and occupancy of any launch; with a grid also what it does. */
static int estimate(const request *r, tm_kernel *kernel, FILE *out) {
  const tm_kernel_facts *facts = tm_kernel_info(kernel);
  tm_arg *args = calloc(facts->n_args + 1, sizeof *args);
  if (!args) return tool_complain("out of memory");
  tm_grid grid = tm_grid_1d(1);
  tm_error *error = NULL;
  int failed = r->grid ? read_grid(r->grid, &grid) : EXIT_DONE;
  for (size_t i = 0; !failed && i < r->numbers.count; i++)
    failed = take_number(facts, r->numbers.items[i], args);
  tm_estimate e = TM_ESTIMATE_INIT;
  if (!failed &&
      tm_kernel_estimate(&e, kernel, grid, args, facts->n_args, &error))
    failed = tool_fail(error);
  if (!failed) print_occupancy(out, &e);
  if (!failed && r->grid) print_estimate(out, &e);
  free(args);
  return failed;
}

static int print_stage(const request *r, tm_kernel *kernel) {
  static const struct { const char *name; int stage; } stages[] = {
      {"ast", TM_STAGE_AST},       {"ttir", TM_STAGE_TTIR},
      {"layout", TM_STAGE_LAYOUT}, {"msl", TM_STAGE_MSL},
      {"info", -1}};
  int stage = -2;
  for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
    if (!strcmp(r->emit, stages[i].name)) stage = stages[i].stage;
  const char *text =
      stage >= 0 ? tm_kernel_text(kernel, (tm_stage)stage) : NULL;
  if (stage >= 0 && !text)
    return tool_complain("cannot make the %s text", r->emit);
  FILE *out = r->output ? fopen(r->output, "wb") : stdout;
  if (!out)
    return tool_complain("cannot write %s: %s", r->output, strerror(errno));
  if (text)
    fputs(text, out);
  else
    print_info(out, tm_kernel_info(kernel));
  int failed = text ? EXIT_DONE : estimate(r, kernel, out);
  if (out != stdout ? fclose(out) : fflush(out))
    return tool_complain("cannot write %s", r->output ? r->output : "text");
  return failed;
}

static bool stage_known(const char *emit) {
  static const char *const names[] = {"ast", "ttir", "layout", "msl", "info"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(emit, names[i])) return true;
  return false;
}

static bool chip_known(const char *chip) {
  for (size_t i = 0; tm_chip_name(i); i++)
    if (!strcasecmp(chip, tm_chip_name(i))) return true;
  return false;
}

static int compile(request *r) {
  tm_error *error = NULL;
  tm_module *module = NULL;
  int result = tool_load_module(&module, r->file, &r->folders);
  if (result) return result;
  if (!r->kernel && tm_module_kernel_count(module) == 1)
    r->kernel = tm_module_kernel_name(module, 0);
  tm_context *context = NULL;
  tm_kernel *kernel = NULL;
  r->options.defines = r->defines;
  r->options.signature = r->signature ? r->signature : "";
  if (!r->options.chip) r->options.chip = "m1";
  if (!r->kernel)
    result = tool_name_kernel("compile", r->file, module);
  else if (tm_context_create(&context, NULL, &error) ||
           tm_compile(&kernel, context, module, r->kernel, &r->options,
                      &error))
    result = tool_fail(error);
  else
    result = print_stage(r, kernel);
  tm_kernel_destroy(kernel);
  tm_context_destroy(context);
  tm_module_destroy(module);
  return result;
}

int cmd_compile(int argc, char **argv) {
  request r = {.emit = "msl"};
  tm_compile_options zero = TM_COMPILE_OPTIONS_INIT;
  r.options = zero;
  /* The command's promise is about compiling, not about the cache. */
  r.options.cache = TM_SWITCH_OFF;
  int result = parse_options(&r, argc, argv);
  if (!result && !stage_known(r.emit))
    result = tool_usage("compile", "unknown stage '%s'", r.emit);
  if (!result && r.options.chip && !chip_known(r.options.chip))
    result = tool_usage("compile", "there is no chip '%s': m1 to m5, with "
                        "-pro, -max or -ultra", r.options.chip);
  if (!result) result = compile(&r);
  free(r.defines);
  free(r.folders.items);
  free(r.numbers.items);
  return result < 0 ? EXIT_DONE : result;
}
