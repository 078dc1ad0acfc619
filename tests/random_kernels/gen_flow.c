/* SPDX-License-Identifier: MIT */
/*
 * gen_flow.c - branches, loops and calls of random kernels.
 */
#include "generator.h"

static value saved[MAX_DEPTH + 1][MAX_POOL];

static const char *condition(generator *g, char *out) {
  sprintf(out, "%s %s %d", ONE_OF(g, "n", "m", "pid", "n + pid", "m - pid"),
          ONE_OF(g, "<", "<=", "==", "!=", ">"), below(g, 5));
  if (chance(g, 15))
    sprintf(out + strlen(out), " %s n > %d", ONE_OF(g, "and", "or"),
            below(g, 4));
  return out;
}

/* v = something of v's shape and type that v's bounds allow. */
static void assign(generator *g, const value *v) {
  int start = chance(g, 70) ? 0 : below(g, g->n_pool);
  for (int i = g->n_pool; i-- > 0;) { /* mostly the last that there is */
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (w->type != v->type || !same_shape(w, v) ||
        strcmp(w->name, v->name) == 0)
      continue;
    if (!v->wild && (w->wild || w->high > v->high || w->low > v->low))
      continue;
    put(g, "%s = %s", v->name, w->name);
    return;
  }
  if (is_int(v)) put(g, "%s = %s * 3 + 1", v->name, v->name);
  else put(g, "%s = %s", v->name, v->name);
}

/* ---- branches --------------------------------------------------------- */

/* A value of the pool to copy into a variable: the names n, m and pid have
 * types that depend on the signature, and a scalar from memory has its own. */
static value source(generator *g) {
  value a = pick(g);
  for (int i = 0; i < 20 && a.rank == 0 && a.name[0] != 't'; i++) a = pick(g);
  return a;
}

static bool is_variable(const value *v) {
  return v->rank > 0 || v->name[0] == 't';
}

void gen_branch(generator *g) {
  value a = source(g), v = named(g, &a);
  v.steps++;
  char text[96];
  int n = g->n_pool, arms = 1 + below(g, 3);
  if (!is_variable(&a)) return;
  memcpy(saved[g->depth], g->pool, sizeof g->pool);
  put(g, "%s = %s", v.name, a.name);
  put(g, "if %s:", condition(g, text));
  for (int arm = 0; arm < arms; arm++) {
    g->indent++;
    g->depth++;
    statements(g, 1 + below(g, 3));
    assign(g, &v);
    g->indent--;
    g->depth--;
    g->n_pool = n;
    memcpy(g->pool, saved[g->depth], sizeof g->pool);
    if (arm + 1 == arms) break;
    if (arm == 0 && arms == 3) put(g, "elif %s:", condition(g, text));
    else put(g, "else:");
  }
  keep(g, &v);
}

/* ---- loops ------------------------------------------------------------ */

static void loop_head(generator *g, int how, const char *i) {
  switch (how) {
    case 0: put(g, "for %s in range(0, n):", i); break;
    case 1: put(g, "for %s in range(m - 2, n):", i); break;
    case 2: put(g, "for %s in range(0, %d):", i, 1 + below(g, 3)); break;
    case 3: put(g, "for %s in range(n, 0, -1):", i); break;
    case 4: put(g, "for %s in range(0, n * 4, %d):", i, 3 + below(g, 4));
      break;
    case 5: put(g, "for %s in tl.static_range(0, 2):", i); break;
    case 6: put(g, "for %s in tl.range(0, m, num_stages=2):", i); break;
    default:
      put(g, "%s = m - m", i);
      put(g, how == 7 ? "while %s < n:" : "while %s < n and %s < 3:", i, i);
      break;
  }
}

/* Something that ends the loop or a turn of it early. */
static void leave(generator *g, int how, const char *i) {
  if (how == 5 || how > 6 || !chance(g, 12)) return;
  put(g, "if %s %s %d:", i, ONE_OF(g, "==", ">"), 1 + below(g, 3));
  g->indent++;
  put(g, "%s", ONE_OF(g, "break", "continue"));
  g->indent--;
}

void gen_loop(generator *g) {
  value carried[3];
  int n_carried = 0, n = g->n_pool, how = below(g, 9);
  char text[96], i[16];
  memcpy(saved[g->depth], g->pool, sizeof g->pool);
  for (int k = 1 + below(g, 3); k > 0; k--) {
    value a = source(g);
    if (!is_variable(&a)) continue;
    carried[n_carried] = named(g, &a);
    carried[n_carried].steps++;
    put(g, "%s = %s", carried[n_carried++].name, a.name);
  }
  if (n_carried == 0) return;
  snprintf(i, sizeof i, "i%d", g->names++);
  loop_head(g, how, i);
  g->indent++;
  g->depth++;
  for (int c = 0; c < n_carried; c++) keep(g, &carried[c]);
  value ones = carried[0];
  if (ones.type == I32 && ones.rank > 0 && how != 5)
    define(g, &ones, "%s + (%s).to(tl.int32)", ones.name, i);
  statements(g, 1 + below(g, 3));
  assign(g, &carried[0]);
  leave(g, how, i);
  for (int c = 1; c < n_carried; c++) assign(g, &carried[c]);
  if (chance(g, 20)) {
    put(g, "if %s:", condition(g, text));
    g->indent++;
    assign(g, &carried[0]);
    g->indent--;
  }
  if (how > 6) put(g, "%s += 1", i);
  g->indent--;
  g->depth--;
  g->n_pool = n;
  memcpy(g->pool, saved[g->depth], sizeof g->pool);
  for (int c = 0; c < n_carried; c++) keep(g, &carried[c]);
}

/* ---- calls ------------------------------------------------------------ */

const char gen_helpers[] =
    "import triton\nimport triton.language as tl\n\n\n"
    "@triton.jit\ndef combine_or(a, b):\n    return a | b\n\n\n"
    "@triton.jit\ndef combine_max(a, b):\n    return tl.maximum(a, b)\n\n\n"
    "@triton.jit\ndef combine_min(a, b):\n    return tl.minimum(a, b)\n\n\n"
    "@triton.jit\ndef combine_two(a0, a1, b0, b1):\n"
    "    return a0 + b0, tl.maximum(a1, b1)\n\n\n"
    "@triton.jit\ndef combine_affine(a0, b0, a1, b1):\n"
    "    return a0 * a1, b0 * a1 + b1\n\n\n"
    "@triton.jit\ndef first_or_second(x, y, s):\n"
    "    if s > 2:\n        return x\n    return y\n\n\n"
    "@triton.jit\ndef mixed(x, y):\n"
    "    return x ^ (y >> 1), x & y\n\n\n"
    "@triton.jit\ndef repeated(x, s, STEPS: tl.constexpr):\n"
    "    for i in range(s):\n        x = mixed(x, x)[0]\n"
    "    for i in tl.static_range(STEPS):\n        x = x + i\n"
    "    return x\n\n\n";

void gen_call(generator *g) {
  value a = pick(g), b = partner(g, &a), r = a;
  widen_bounds(&r, &b);
  if (a.rank == 0) return;
  if (chance(g, 40) || !is_int(&a)) {
    if (r.wild || fits(r.type, r.high, r.low))
      define(g, &r, "first_or_second(%s, %s, %s)", a.name, b.name,
             ONE_OF(g, "n", "m", "pid"));
  } else if (chance(g, 50)) {
    value x = named(g, &a), y = named(g, &a);
    put(g, "%s, %s = mixed(%s, %s)", x.name, y.name, a.name, b.name);
    keep(g, &x);
    keep(g, &y);
  } else {
    define(g, &a, "repeated(%s, %s, %d)", a.name, ONE_OF(g, "n", "m", "3"),
           below(g, 3));
  }
}
