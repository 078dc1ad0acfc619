/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `tritonmetal run`: a kernel on arrays from files. */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: tritonmetal run FILE.py -k KERNEL --grid X[,Y[,Z]] [OPTIONS] "
    "NAME=VALUE...\n\n"
    "Runs a kernel, specialised by its arguments as a Triton launch is.\n\n"
    "  -k, --kernel NAME    the kernel; may be left out if there is one\n"
    "  -g, --grid X[,Y[,Z]] programs in each direction\n"
    "  -r, --repeat N       launch N times and show times (default 1)\n"
    "      --num-warps N    simdgroups of a program\n"
    "      --num-stages N   as in Triton\n"
    "      --profile[=FILE] show the GPU's times; write a trace to FILE,\n"
    "                       which ui.perfetto.dev opens\n"
    "  -I, --include DIR    also look here for imported modules\n\n"
    "VALUE is one of\n"
    "  1000  1e-5           an integer; a float has a point or exponent\n"
    "  true  false  none\n"
    "  @in.npy              an array, read\n"
    "  @in.npy:out.npy      an array, read and written back\n"
    "  zeros:f32[512,64]:out.npy   made, then written; types i1 i8 i16 i32\n"
    "                       i64 u8 u16 u32 u64 f16 bf16 f32 fp8e4nv fp8e5\n"
    "  bf16@in.npy          8- or 16-bit data of the file taken as that type\n"
    "  fp16  tl.float16     a type\n"
    "  text  'text'         any other word, or quoted text\n";

typedef struct request {
  const char *file, *kernel;
  tm_grid grid;
  long repeat;
  tm_launch_options options;
  tool_list folders;
  run_value *values;
  size_t n_values;
  tm_context *context;
  tm_module *module;
  tm_function *function;
  tm_stream *stream;
  bool is_profiled;
  const char *trace; /* where the trace goes; NULL: nowhere */
} request;

static bool parse_grid(const char *text, tm_grid *grid) {
  uint32_t extent[3] = {1, 1, 1};
  for (int i = 0; i < 3; i++) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *text == '-' || value > UINT32_MAX) return false;
    extent[i] = (uint32_t)value;
    if (!*end) {
      *grid = tm_grid_3d(extent[0], extent[1], extent[2]);
      return true;
    }
    if (*end != ',') return false;
    text = end + 1;
  }
  return false;
}

enum { OPT_WARPS = 256, OPT_STAGES, OPT_PROFILE };

static int parse_options(request *r, int argc, char **argv) {
  static const struct option options[] = {
      {"kernel", required_argument, NULL, 'k'},
      {"grid", required_argument, NULL, 'g'},
      {"repeat", required_argument, NULL, 'r'},
      {"include", required_argument, NULL, 'I'},
      {"num-warps", required_argument, NULL, OPT_WARPS},
      {"num-stages", required_argument, NULL, OPT_STAGES},
      {"profile", optional_argument, NULL, OPT_PROFILE},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  bool has_grid = false;
  int failed;
  for (int c; (c = getopt_long(argc, argv, "k:g:r:I:h", options, NULL)) != -1;)
    switch (c) {
      case 'k': r->kernel = optarg; break;
      case 'I': tool_list_add(&r->folders, optarg); break;
      case 'g':
        if (!parse_grid(optarg, &r->grid))
          return tool_usage("run", "bad grid '%s'", optarg);
        has_grid = true;
        break;
      case 'r':
        if (!tool_number(optarg, 1, 1000000, &r->repeat))
          return tool_usage("run", "--repeat wants 1 to 1000000");
        break;
      case OPT_WARPS:
      case OPT_STAGES:
        failed = tool_count("run", optarg,
                            c == OPT_WARPS ? &r->options.num_warps
                                           : &r->options.num_stages);
        if (failed) return failed;
        break;
      case OPT_PROFILE:
        r->is_profiled = true;
        r->trace = optarg;
        break;
      case 'h':
        fputs(usage, stdout);
        return -1;
      default:
        return tool_usage("run", "unknown option");
    }
  if (optind == argc) return tool_usage("run", "no file given");
  if (!has_grid) return tool_usage("run", "no --grid given");
  r->file = argv[optind];
  return EXIT_DONE;
}

/* Parses NAME=VALUE arguments and fills options.named. */
static int parse_values(request *r, int count, char **texts) {
  r->values = calloc((size_t)count + 1, sizeof *r->values);
  tm_define *named = calloc((size_t)count + 1, sizeof *named);
  if (!r->values || !named) {
    free(named);
    return tool_complain("out of memory");
  }
  r->options.named = named;
  for (int i = 0; i < count; i++) {
    r->n_values = (size_t)i + 1;
    int result = run_value_parse(&r->values[i], texts[i], r->context);
    if (result) return result;
    named[i].name = r->values[i].name;
    named[i].value = r->values[i].arg;
    for (int k = 0; k < i; k++)
      if (!strcmp(named[k].name, named[i].name))
        return tool_usage("run", "'%s' is given twice", named[i].name);
  }
  r->options.n_named = (size_t)count;
  return EXIT_DONE;
}

static int prepare(request *r) {
  tm_error *error = NULL;
  if (!r->kernel && tm_module_kernel_count(r->module) == 1)
    r->kernel = tm_module_kernel_name(r->module, 0);
  if (!r->kernel)
    return tool_name_kernel("run", r->file, r->module);
  if (tm_function_create(&r->function, r->context, r->module, r->kernel, NULL,
                         &error) ||
      tm_stream_create(&r->stream, r->context, NULL, &error))
    return tool_fail(error);
  return EXIT_DONE;
}

/* Compiles and loads before the first launch, so that times are apart. */
static int compile(request *r) {
  tm_error *error = NULL;
  tm_kernel *kernel;
  double start = tool_seconds();
  if (tm_function_kernel(&kernel, r->function, NULL, 0, &r->options, &error))
    return tool_fail(error);
  double compiled = tool_seconds();
  if (tm_kernel_load(kernel, &error)) {
    tm_kernel_destroy(kernel);
    return tool_fail(error);
  }
  tm_environment_facts facts = {.struct_size = sizeof facts};
  if (tm_environment(r->context, &facts, NULL) == TM_OK && facts.device)
    printf("device   %s%s\n", facts.device,
           facts.is_apple ? "" : " (softmetal)");
  printf("compile  %.3f ms (cache %s), pipeline %.3f ms\n",
         (compiled - start) * 1e3,
         tm_kernel_info(kernel)->from_cache ? "hit" : "miss",
         (tool_seconds() - compiled) * 1e3);
  tm_kernel_destroy(kernel);
  return EXIT_DONE;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int launch(request *r) {
  tm_error *error = NULL;
  double *times = calloc((size_t)r->repeat, sizeof *times);
  if (!times) return tool_complain("out of memory");
  for (long i = 0; i < r->repeat; i++) {
    double start = tool_seconds();
    if (tm_function_launch(r->stream, r->function, r->grid, NULL, 0,
                           &r->options, &error) ||
        tm_stream_synchronize(r->stream, TM_WAIT_FOREVER, &error)) {
      free(times);
      return tool_fail(error);
    }
    times[i] = tool_seconds() - start;
  }
  qsort(times, (size_t)r->repeat, sizeof *times, by_value);
  printf("run      %.3f ms", times[r->repeat / 2] * 1e3);
  if (r->repeat > 1)
    printf(" median of %ld, best %.3f ms", r->repeat, times[0] * 1e3);
  putchar('\n');
  free(times);
  return EXIT_DONE;
}

static int write_trace(const char *path, const char *text) {
  FILE *out = fopen(path, "wb");
  if (!out) return tool_complain("cannot write %s: %s", path, strerror(errno));
  bool ok = fputs(text, out) >= 0;
  ok = fclose(out) == 0 && ok;
  return ok ? EXIT_DONE : tool_complain("cannot write %s", path);
}

/* Shows what was profiled, and writes the trace. */
static int show_profile(request *r) {
  tm_error *error = NULL;
  tm_profile *profile;
  if (tm_profile_stop(&profile, r->context, &error)) return tool_fail(error);
  int result = EXIT_DONE;
  const char *text = tm_profile_text(profile);
  const char *trace = r->trace ? tm_profile_trace(profile) : "";
  if (text && trace) {
    fputs(text, stdout);
    if (r->trace) result = write_trace(r->trace, trace);
  } else {
    result = tool_complain("out of memory");
  }
  tm_profile_destroy(profile);
  return result;
}

static int run(request *r, int count, char **texts) {
  tm_error *error = NULL;
  int result = tool_load_module(&r->module, r->file, &r->folders);
  if (result) return result;
  if (tm_context_create(&r->context, NULL, &error)) return tool_fail(error);
  if ((result = parse_values(r, count, texts))) return result;
  if ((result = prepare(r))) return result;
  if (r->is_profiled && tm_profile_start(r->context, NULL, &error))
    return tool_fail(error);
  if ((result = compile(r))) return result;
  if ((result = launch(r))) return result;
  for (size_t i = 0; i < r->n_values && !result; i++)
    result = run_value_finish(&r->values[i]);
  if (!result && r->is_profiled) result = show_profile(r);
  return result;
}

int cmd_run(int argc, char **argv) {
  request r = {.repeat = 1};
  tm_launch_options zero = TM_LAUNCH_OPTIONS_INIT;
  r.options = zero;
  int result = parse_options(&r, argc, argv);
  if (!result) result = run(&r, argc - optind - 1, argv + optind + 1);
  tm_stream_destroy(r.stream);
  tm_function_destroy(r.function);
  for (size_t i = 0; i < r.n_values; i++) run_value_free(&r.values[i]);
  free(r.values);
  free((void *)r.options.named);
  tm_module_destroy(r.module);
  tm_context_destroy(r.context);
  free(r.folders.items);
  return result < 0 ? EXIT_DONE : result;
}
