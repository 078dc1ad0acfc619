/* SPDX-License-Identifier: MIT */
/*
 * test_host.c - the evaluator of host Python behind @autotune and
 * @heuristics (lib/host). Each case is a module with one configuration whose
 * value Python itself would compute as written beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/host/host.h"

typedef struct work {
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
} work;

/* What configs (an expression) gives with the module's lines before it: the
 * values of the first entry of each configuration, space separated; or "! "
 * and the first error. In the arena. */
static const char *values_of(work *w, const char *lines, const char *configs) {
  tm_buf text = tm_buf_in(&w->arena), out = tm_buf_in(&w->arena);
  tm_buf_printf(&text, "import os, torch, triton, itertools\n"
                       "import triton.language as tl\n"
                       "from elsewhere import UNKNOWN\n%s", lines);
  if (configs) /* else the lines have the kernel */
    tm_buf_printf(&text, "@triton.autotune(configs=%s, key=[])\n"
                         "@triton.jit\n"
                         "def k(x, B: tl.constexpr):\n    pass\n", configs);
  tm_diags_init(&w->diags, &w->arena);
  tm_modules *set = tm_modules_create(&w->arena, &w->diags);
  tm_module *module = tm_module_parse_text(
      set, "m", "m.py", (tm_str){tm_buf_text(&text), text.len});
  const tm_host_config *list;
  uint32_t count;
  bool good = !w->diags.errors &&
              tm_host_configs(&w->arena, &w->diags,
                              tm_module_kernel(module, "k"), &list, &count);
  if (!good)
    tm_buf_printf(&out, "! %s", w->diags.list.data[0].message);
  for (uint32_t i = 0; good && i < count; i++)
    tm_buf_printf(&out, "%s%lld", i ? " " : "",
                  (long long)list[i].values[0].value.i);
  return tm_buf_text(&out);
}

static void check(const char *lines, const char *configs,
                  const char *expected) {
  work *w = test_malloc(sizeof *w);
  tm_arena_init(&w->arena, 0);
  if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
  const char *got = values_of(w, lines, configs);
  if (*expected == '!') {
    if (*got != '!' || !strstr(got, expected + 2))
      fail_msg("%s: got \"%s\", expected \"%s\"", configs ? configs : lines, got, expected);
  } else if (strcmp(got, expected) != 0) {
    fail_msg("%s: got \"%s\", expected \"%s\"", configs ? configs : lines, got, expected);
  }
  tm_arena_free(&w->arena);
  test_free(w);
}

static void check_text(const char *lines, const char *expected) {
  check(lines, NULL, expected);
}

#define CONFIG "triton.Config({'B': b})"

static void functions_over_lists_are_pythons(void **state) {
  (void)state;
  check("", "[" CONFIG " for b in filter(lambda v: v > 3, [1, 4, 9])]", "4 9");
  check("", "[" CONFIG " for b in map(lambda v, w: v * w, [1, 2], [3, 4])]",
        "3 8");
  check("", "[" CONFIG " for a, b in zip([1, 2, 3], [5, 6])]", "5 6");
  check("", "[" CONFIG " for b, a in enumerate([7, 7], 3)]", "3 4");
  check("", "[" CONFIG " for b in sorted([3, 1, 2])]", "1 2 3");
  check("", "[" CONFIG " for b in reversed([3, 1, 2])]", "2 1 3");
  check("", "[" CONFIG " for b in [sum([1, 2]), 9] if any([0, b > 3])]", "9");
  check("", "[" CONFIG " for b in [2, 4] if all([b > 2, True])]", "4");
  check("def keep(c):\n    return c.num_warps > 4\n",
        "list(filter(keep, [1]))", "! attribute 'num_warps'");
}

static void the_host_is_neither_cuda_nor_hip(void **state) {
  (void)state;
  check("", "[" CONFIG " for b in [1 if torch.version.hip is None else 2]]",
        "1");
  check("", "[" CONFIG " for b in [1 if torch.cuda.is_available() else 2]]",
        "2");
  check("def hopper():\n"
        "    return torch.cuda.get_device_capability()[0] >= 9\n",
        "[" CONFIG " for b in [1 if hopper() else 2]]", "2");
  check("", "[" CONFIG " for b in [1 if hasattr(tl, 'dot') else 2]]", "1");
  check("", "[" CONFIG " for b in [1 if hasattr(tl, 'dott') else 2]]", "2");
  check("", "[" CONFIG " for b in [1 if triton.__version__ >= '3.1' else 2]]",
        "1");
  check("def is_cuda():\n"
        "    return triton.runtime.driver.active.get_current_target()"
        ".backend == 'cuda'\n",
        "[" CONFIG " for b in [1 if is_cuda() else 2]]", "2");
  check("", "[" CONFIG " for b in [int(os.environ.get('B', 64))]]",
        "64");
  check("", "[" CONFIG " for b in [64 if os.getenv('B') is None else 32]]",
        "64");
}

static void what_is_unknown_is_not_guessed(void **state) {
  (void)state;
  check("", "[" CONFIG " for b in [1 if UNKNOWN else 2]]",
        "! whether 'elsewhere.UNKNOWN' is true");
  check("", "[" CONFIG " for b in [1 if not UNKNOWN else 2]]",
        "! whether 'elsewhere.UNKNOWN' is true");
  check("", "[" CONFIG " for b in [1, 2] if UNKNOWN]",
        "! whether 'elsewhere.UNKNOWN' is true");
  check("", "[" CONFIG " for b in [1 if UNKNOWN == 3 else 2]]",
        "! the value of 'elsewhere.UNKNOWN'");
  check("", "[" CONFIG " for b in [1 if UNKNOWN is None else 2]]",
        "! the value of 'elsewhere.UNKNOWN'");
  check("", "UNKNOWN()", "! the function 'elsewhere.UNKNOWN'");
}

static void modules_are_executed_from_top_to_bottom(void **state) {
  (void)state;
  check("c = []\nfor a in (1, 2):\n    for b in [3, 4]:\n"
        "        d = triton.Config({'B': a * b})\n        c.append(d)\n",
        "c", "3 4 6 8");
  check("c = [1]\nc += [2]\nc = c + [5]\nc.extend([7, 9])\nc = c[1:-1]\n",
        "[" CONFIG " for b in c]", "2 5 7");
  check("if torch.cuda.is_available():\n    c = [1]\n"
        "elif os.getenv('X'):\n    c = [2]\nelse:\n    c = [3]\n",
        "[" CONFIG " for b in c]", "3");
  check("try:\n    import nowhere\n    C = 1\nexcept ImportError:\n    C = 2\n"
        "try:\n    import itertools\n    D = 3\nexcept ImportError:\n    D = 4\n",
        "[" CONFIG " for b in (C, D)]", "2 3");
  check("t = {'a': 1}\nt['b'] = 2\nt.update(c=3)\ndel_me = t.pop('a')\n",
        "[" CONFIG " for b in t.values()]", "2 3");
  check("if UNKNOWN:\n    c = [1]\nelse:\n    c = [2]\n",
        "[" CONFIG " for b in c]", "! whether 'elsewhere.UNKNOWN' is true");
  check("c = f()\ndef f():\n    return c\n", "c",
        "! 'c', which is made from itself");
}

static void configurations_are_objects(void **state) {
  (void)state;
  check("def keep(c):\n    return c.num_warps * c.kwargs.get('M', 1) > 4\n"
        "c = [triton.Config({'B': 1}), triton.Config({'B': 2}, num_warps=8),\n"
        "     triton.Config({'B': 3, 'M': 2})]\n",
        "list(filter(keep, c))", "2 3");
  check("c = [triton.Config({'B': b}, num_stages=b) for b in (5, 1, 3)]\n"
        "for d in c:\n    d.kwargs['B'] = d.num_stages * 10\n",
        "sorted(c, key=lambda x: x.kwargs['B'], reverse=True)", "50 30 10");
  check("class C:\n    sizes = [3, 4]\n    @staticmethod\n"
        "    def make():\n        return [s * 2 for s in C.sizes]\n",
        "[" CONFIG " for b in C.make() + C.sizes]", "6 8 3 4");
  check("class P(NamedTuple):\n    m: int\n    n: int = 8\n"
        "all = [P(2), P(n=1, m=5)]\n",
        "[triton.Config({'B': p.m * p.n}) for p in all]", "16 5");
  check("c = triton.Config({'B': 1})\nc.num_warps = 2\n",
        "[triton.Config({'B': c.all_kwargs()['num_warps'] + c.num_ctas})]",
        "3");
}

static void decorators_may_be_named_or_spread(void **state) {
  (void)state;
  check_text("KW = {'configs': [triton.Config({'B': 7})]}\n"
             "@triton.autotune(**KW)\n@triton.jit\n"
             "def k(x, B: tl.constexpr):\n    pass\n", "7");
  check_text("auto = triton.autotune(configs=[triton.Config({'B': 8})])\n"
             "@auto\n@triton.jit\n"
             "def k(x, B: tl.constexpr):\n    pass\n", "8");
  check_text("def auto(fn):\n"
             "    return triton.autotune([triton.Config({'B': 9})])(fn)\n"
             "@auto\n@triton.jit\n"
             "def k(x, B: tl.constexpr):\n    pass\n", "9");
}

static void functions_take_arguments_as_pythons_do(void **state) {
  (void)state;
  check("def f(*a, k=1, **more):\n"
        "    return [triton.Config({'B': v * k + more.get('z', 0)})\n"
        "            for v in a]\n",
        "f(1, *[2, 3], k=10, **{'z': 5})", "15 25 35");
  check("def f(n):\n    def g(x, y=n):\n        return x + y\n"
        "    i, out = 0, []\n    while i < n:\n"
        "        out.append(g(i))\n        i += 1\n    return out\n",
        "[" CONFIG " for b in f(3)]", "3 4 5");
  check("", "[" CONFIG " for b in {3, 1, 3}]", "3 1");
  check("a = [1]\nb = list(a)\nb.append(2)\n", "[" CONFIG " for b in a]", "1");
  check("", "[" CONFIG " for b in [int(os.getenv('X', 'many'))]]",
        "! int of this text");
  check("import functools\nf = functools.partial(triton.Config, num_warps=2)\n",
        "[f({'B': 5}), f(kwargs={'B': 1 << (31).bit_length()})]", "5 32");
  check("", "[" CONFIG " for b in (round(2.6), round(2.5), pow(2, 3))]",
        "3 2 8");
  check("", "[" CONFIG " for b in [2] * 2 + sum([[1], [4]], [])]", "2 2 1 4");
  check("N = f\"{'a'}_{4}\"\n",
        "[" CONFIG " for b in [1 if N == 'a_4' and N[:1] < 'b' else 2]]", "1");
  check("", "[" CONFIG " for b in dict([('a', 6)], c=7).values()]", "6 7");
  check("def f():\n    while True:\n        pass\n", "f()",
        "! it takes too many steps");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(functions_over_lists_are_pythons),
    cmocka_unit_test(the_host_is_neither_cuda_nor_hip),
    cmocka_unit_test(what_is_unknown_is_not_guessed),
    cmocka_unit_test(modules_are_executed_from_top_to_bottom),
    cmocka_unit_test(configurations_are_objects),
    cmocka_unit_test(functions_take_arguments_as_pythons_do),
    cmocka_unit_test(decorators_may_be_named_or_spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
