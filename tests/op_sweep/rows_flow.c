/* SPDX-License-Identifier: MIT */
/*
 * rows_flow.c - loops, branches and early ends around tiles and scalars of
 * every type. Bodies only move and add small whole numbers.
 */
#include "sweep.h"

typedef struct flow_row {
  const char *name, *text; /* $T: the type */
  unsigned types;
} flow_row;

/* x: a tile of small numbers; n: 5, loaded; pid: 0 to 3. */
static const flow_row rows[] = {
    {"while",
     "j = 0\n"
     "while j < n:\n"
     "    x += 1\n"
     "    j += 2\n", NUMBERS},
    {"while of a tile's sum",
     "while tl.max(x) < 6:\n"
     "    x += 1\n", NUMBERS},
    {"while that does not run",
     "while n < 0:\n"
     "    x += 1\n"
     "    n += 1\n", NUMBERS},
    {"while with and",
     "j = 0\n"
     "while (j < n) and (tl.max(x) < 5):\n"
     "    x += 1\n"
     "    j += 1\n", NUMBERS},
    {"break",
     "for j in range(n):\n"
     "    if tl.max(x) > 5:\n"
     "        break\n"
     "    x += 1\n", NUMBERS},
    {"continue",
     "for j in range(0, n):\n"
     "    if j % 2 == pid % 2:\n"
     "        continue\n"
     "    x += 1\n", NUMBERS},
    {"early return",
     "if pid == 2:\n"
     "    return\n"
     "x += 1\n", NUMBERS},
    {"return in a loop",
     "for j in range(n):\n"
     "    if j == pid + 2:\n"
     "        return\n"
     "    x += 1\n"
     "x += 1\n", NUMBERS},
    {"branches that swap",
     "y = tl.flip(x)\n"
     "if pid % 2 == 0:\n"
     "    x, y = y, x\n"
     "else:\n"
     "    y = x\n"
     "x = y\n", ALL & ~SMALL_FLOATS},
    {"nested loops with two carried tiles",
     "y = tl.flip(x)\n"
     "for i in range(0, 2):\n"
     "    j = n\n"
     "    while j > i:\n"
     "        x, y = y, x\n"
     "        j -= 2\n", ALL},
    {"a step downwards",
     "for j in range(n, 0, -2):\n"
     "    x = tl.where(c, x, tl.flip(x))\n", ALL},
    {"a loop over tiles in memory",
     "for j in range(0, n):\n"
     "    x = tl.load(X + (o + j) % SIZE)\n"
     "    tl.store(O0 + pid * SIZE + o, x)\n", ALL},
    {"no turn of a loop",
     "for j in range(n, n):\n"
     "    x = tl.load(X + (o + j) % SIZE)\n", ALL},
    {"unrolled",
     "for j in tl.static_range(3):\n"
     "    x = tl.where(c, tl.flip(x), x)\n", ALL},
    {"a carried scalar",
     "v = tl.load(X)\n"
     "for j in range(n):\n"
     "    v += tl.load(X + j % SIZE)\n"
     "x = x + v\n", NUMBERS},
    {"a carried pointer",
     "p = X + o\n"
     "for j in range(n):\n"
     "    x = tl.load(p, mask=o + j < SIZE, other=0)\n"
     "    p += 1\n", NUMBERS | BOOLS},
    {"assertions and prints without debug",
     "tl.device_assert(tl.max(o) < 0, \"never looked at\")\n", ALL},
};

static sweep_kernel flow_kernel(const flow_row *row, const sweep_type *t,
                                int n, uint32_t warps, const char *chip) {
  size_t room = 8192;
  sweep_kernel k = {.text = malloc(room), .grid = 4, .num_warps = warps,
                    .chip = chip};
  assert_non_null(k.text);
  sweep_add_buffer(&k, "X", t, (size_t)n, FILL_SMALL);
  sweep_add_buffer(&k, "C", sweep_type_named("i1"), (size_t)n, FILL_BOOLS);
  sweep_add_buffer(&k, "N", sweep_type_named("i32"), 1, FILL_INDICES)->limit =
      6;
  sweep_add_buffer(&k, "O0", t, (size_t)n * 4, FILL_ZERO)->op = row->name;
  snprintf(k.what, sizeof k.what, "%s, %s, %d, %u simdgroups, %s", row->name,
           t->name, n, (unsigned)warps, chip);
  int len = snprintf(k.text, room,
                     "%sSIZE: tl.constexpr = tl.constexpr(%d)\n"
                     "@triton.jit\ndef k(X, C, N, O0):\n"
                     "    pid = tl.program_id(0)\n"
                     "    n = tl.load(N)\n"
                     "    o = tl.arange(0, %d)\n"
                     "    x = tl.load(X + o)\n"
                     "    c = tl.load(C + o)\n    ", sweep_prelude, n, n);
  for (const char *p = row->text; *p; p++)
    len += sprintf(k.text + len, *p == '\n' ? "\n    " : "%c", *p);
  sprintf(k.text + len, "tl.store(O0 + pid * %d + o, x)\n", n);
  return k;
}

void sweep_run_flow(sweep *sw) {
  static const char *const chips[] = {"m1", "m4"};
  static const int sizes[] = {1, 8, 32, 128, 1024, 16384};
  sweep_begin(sw, "flow");
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
    for (size_t t = 0; t < SWEEP_TYPES; t++)
      for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint32_t warps = 1; warps <= 8; warps *= 2)
          for (int chip = 0; chip < 2; chip++) {
            if (!(rows[r].types & sweep_types[t].class)) continue;
            if (!sweep_is_long(sw) && sizes[i] > 1024) continue;
            sweep_kernel k = flow_kernel(&rows[r], &sweep_types[t], sizes[i],
                                         warps, chips[chip]);
            if (sweep_turn(sw, k.what, 160)) sweep_run(sw, &k);
            else free(k.text);
          }
}
