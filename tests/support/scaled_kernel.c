/* SPDX-License-Identifier: MIT */
/*
 * scaled_kernel.c - writes the kernels.
 *
 * A kind has a unit of a few lines; one copy is UNITS of them, so that what a
 * compile costs whatever the kernel's size is small beside it.
 */
#include "scaled_kernel.h"

enum { UNITS = 16, TIGHT_UNITS = 4, NESTED = 8, LINES_CARRIED = 4 };

static const char *const names[SCALED_KINDS] = {
  [SCALED_CHAIN] = "chain",           [SCALED_ACCESSES] = "accesses",
  [SCALED_IN_PLACE] = "in place",     [SCALED_ATOMICS] = "atomics",
  [SCALED_PRODUCTS] = "products",     [SCALED_CHAINED] = "chained products",
  [SCALED_TIGHT] = "tight products",  [SCALED_REDUCTIONS] = "reductions",
  [SCALED_COMBINES] = "own reductions", [SCALED_SCANS] = "scans",
  [SCALED_LOOPS] = "loops",           [SCALED_NESTED] = "nested loops",
  [SCALED_BRANCHES] = "branches",     [SCALED_ONE_BRANCH] = "one branch",
  [SCALED_FUNCTIONS] = "functions",   [SCALED_CALLS] = "calls",
  [SCALED_CARRIED] = "carried values", [SCALED_UNROLLED] = "unrolled",
};

const char *scaled_kind_name(scaled_kind kind) { return names[kind]; }

static const char head[] =
    "# kernel: k\n"
    "# signature: *fp32:16, *fp16:16, *fp32:16, i32:16, i32, 256, 32, %u\n"
    "import triton\nimport triton.language as tl\n\n\n";

static const char start[] =
    "@triton.jit\n"
    "def k(x_ptr, h_ptr, out_ptr, n, m, B: tl.constexpr, S: tl.constexpr,\n"
    "      UNITS: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    r = tl.arange(0, S)[:, None] * S + tl.arange(0, S)[None, :]\n"
    "    x = tl.load(x_ptr + i, mask=i < n, other=0.0)\n"
    "    y = x + 1.0\n"
    "    t = tl.load(h_ptr + r)\n"
    "    acc = tl.zeros((S, S), dtype=tl.float32)\n";

static const char end[] =
    "    tl.store(out_ptr + i, x + y, mask=i < n)\n"
    "    tl.store(out_ptr + r, acc + t)\n";

static const char loaded[] =
    "    a_%u = tl.load(x_ptr + %u * m + i, mask=i < n, other=0.0)\n"
    "    tl.store(out_ptr + %u * n + i, a_%u * 2.0, mask=i < m)\n";
static const char product[] =
    "    a_%u = tl.load(h_ptr + %u * n + r)\n"
    "    b_%u = tl.load(h_ptr + %u * m + r)\n"
    "    acc = tl.dot(a_%u, b_%u, acc)\n";

/* Units that are one printf; %u is the unit's number, as often as it stands
 * there. */
static const char *const unit_texts[SCALED_KINDS] = {
  [SCALED_CHAIN] = "    x = x * y + %u.5\n    y = tl.exp(y) - x\n"
                   "    x = tl.where(x > y, x, %u.25)\n",
  [SCALED_IN_PLACE] = "    p_%u = out_ptr + %u * m + i\n"
                      "    tl.store(p_%u, tl.load(p_%u) * 1.5)\n",
  [SCALED_ATOMICS] = "    tl.atomic_add(out_ptr + %u * m + i, x)\n"
                     "    y += tl.atomic_max(out_ptr + %u * n + i, y)\n",
  [SCALED_CHAINED] = "    acc = tl.dot(t, tl.load(h_ptr + %u * n + r))\n"
                     "    t = (acc * %u.5).to(tl.float16)\n",
  [SCALED_TIGHT] = "    a_%u = tl.load(x_ptr + %u * n + wide)\n"
                   "    b_%u = tl.load(x_ptr + %u * m + wide)\n"
                   "    big = tl.dot(a_%u, tl.trans(b_%u), big)\n",
  [SCALED_REDUCTIONS] = "    x = x - tl.sum(x * %u.5, axis=0)\n",
  [SCALED_COMBINES] = "    x = x - tl.reduce(x, 0, f_%u)\n",
  [SCALED_SCANS] = "    x = tl.cumsum(x * %u.5, axis=0)\n",
  [SCALED_LOOPS] = "    for j_%u in range(0, n + %u):\n"
                   "        x += tl.load(x_ptr + j_%u * m + i)\n"
                   "        y = y * 0.5 + x\n",
  [SCALED_BRANCHES] = "    if n > %u:\n        x = x * %u.5\n    else:\n"
                      "        y = y - x\n",
  [SCALED_ONE_BRANCH] = "        v_%u = x * %u.5\n        y = y + v_%u\n",
  [SCALED_FUNCTIONS] = "    x, y = f_%u(x, y, n)\n",
  [SCALED_CALLS] = "    x, y = f(x, y, n, %u)\n",
};

static void number(tm_buf *out, const char *text, uint32_t u) {
  for (const char *at; (at = strstr(text, "%u")); text = at + 2)
    tm_buf_printf(out, "%.*s%u", (int)(at - text), text, u);
  tm_buf_puts(out, text);
}

static void unit(tm_buf *out, scaled_kind kind, uint32_t u) {
  if (kind == SCALED_ACCESSES)
    tm_buf_printf(out, loaded, u, u + 2, u + 2, u);
  else if (kind == SCALED_PRODUCTS)
    tm_buf_printf(out, product, u, u + 2, u, u + 2, u, u);
  else
    number(out, unit_texts[kind], u);
}

static void function(tm_buf *out, scaled_kind kind, uint32_t u) {
  static const char combine[] =
      "@triton.jit\ndef f_%u(a, b):\n    return tl.maximum(a, b) + %u.5\n\n\n";
  static const char three[] =
      "@triton.jit\ndef f_%u(a, b, n):\n    c = a * b + n\n"
      "    if n == %u:\n        c = c - b\n"
      "    return c, tl.maximum(a, c * %u.5)\n\n\n";
  number(out, kind == SCALED_COMBINES ? combine : three, u);
}

static void nested(tm_buf *out, uint32_t first) {
  for (uint32_t d = 0; d < NESTED; d++)
    tm_buf_printf(out, "%*sfor j_%u in range(0, n + %u):\n"
                       "%*s    x = x * 0.5 + j_%u\n", (int)(4 + 4 * d), "",
                  first + d, first + d, (int)(4 + 4 * d), "", first + d);
  tm_buf_printf(out, "%*sy += x * %u.5\n", 4 + 4 * NESTED, "", first);
}

static void carried(tm_buf *out, uint32_t units) {
  uint32_t n = units / LINES_CARRIED;
  for (uint32_t u = 0; u < n; u++)
    tm_buf_printf(out, "    c_%u = x * %u.5\n", u, u);
  tm_buf_puts(out, "    for j in range(0, n):\n");
  for (uint32_t u = 0; u < n; u++)
    for (uint32_t k = 0; k < LINES_CARRIED; k++)
      tm_buf_printf(out, "        c_%u = c_%u * %u.25 + y\n", u, u, k);
  for (uint32_t u = 0; u < n; u++)
    tm_buf_printf(out, "    x += c_%u\n", u);
}

static void body(tm_buf *out, scaled_kind kind, uint32_t n) {
  if (kind == SCALED_ONE_BRANCH) tm_buf_puts(out, "    if n > 1:\n");
  if (kind == SCALED_TIGHT)
    tm_buf_puts(out, "    rows = tl.arange(0, 64)[:, None]\n"
                     "    wide = rows * 128 + tl.arange(0, 128)[None, :]\n"
                     "    square = rows * 64 + tl.arange(0, 64)[None, :]\n"
                     "    big = tl.zeros((64, 64), dtype=tl.float32)\n");
  if (kind == SCALED_CARRIED) carried(out, n);
  else if (kind == SCALED_UNROLLED)
    tm_buf_puts(out, "    for u in tl.static_range(UNITS):\n"
                     "        x += tl.load(x_ptr + u * m + i) * (u + 0.5)\n"
                     "        if u % 2 == 0:\n"
                     "            y = y * x + u\n");
  else if (kind == SCALED_NESTED)
    for (uint32_t u = 0; u < n; u += NESTED) nested(out, u);
  else
    for (uint32_t u = 0; u < n; u++) unit(out, kind, u);
  if (kind == SCALED_TIGHT)
    tm_buf_puts(out, "    tl.store(out_ptr + square, big)\n");
}

golden_file scaled_kernel(tm_arena *arena, scaled_kind kind,
                          uint32_t copies) {
  golden_file file = {.path = names[kind], .name = names[kind]};
  tm_buf out = tm_buf_in(arena);
  uint32_t n_units = copies * (kind == SCALED_TIGHT ? TIGHT_UNITS : UNITS);
  tm_buf_printf(&out, head, n_units);
  bool many = kind == SCALED_FUNCTIONS || kind == SCALED_COMBINES;
  for (uint32_t u = 0; many && u < n_units; u++) function(&out, kind, u);
  if (kind == SCALED_CALLS)
    tm_buf_puts(&out, "@triton.jit\ndef f(a, b, n, U: tl.constexpr):\n"
                      "    c = a * b + n\n    if n == U:\n        c = c - b\n"
                      "    return c, tl.maximum(a, c * (U + 0.5))\n\n\n");
  tm_buf_puts(&out, start);
  body(&out, kind, n_units);
  tm_buf_puts(&out, end);
  golden_read_text(arena, &file, tm_cstr(tm_buf_text(&out)));
  return file;
}
