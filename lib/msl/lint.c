/* SPDX-License-Identifier: MIT */
/*
 * lint.c - the checker of emitted MSL: rules that Apple's compiler does not
 * enforce, or breaks kernels by (METAL-FACTS 3.13 and 6). It reads the text
 * itself, so a mistake of the code generator is caught and not repeated.
 *
 *   prelude          metal_stdlib included, namespace used
 *   entry            exactly one kernel, under the declared name
 *   thread-bound     max_total_threads_per_threadgroup present, >= 64 (a
 *                    bound of 32 is miscompiled) and enough for the launch
 *   counter          loop counters are 32 bits wide
 *   directive        no macros, and no #if inside of the kernel: the text
 *                    that is checked is the text that is compiled
 *   buffers          indices explicit, 0 to 30, used once, as declared
 *   threadgroup-parameter   no [[threadgroup(n)]]: static memory only
 *   threadgroup-bytes       as declared, within the chip's limit
 *   threadgroup-variable    no initialiser, no bool, one array of a type:
 *                    everything is in one pool, atomics beside it
 *   positions        position attributes are all uint3
 *   literal          floating literals carry f or h
 *   type             no double, long long, size_t or ptrdiff_t
 *   keyword          no asm, goto, or C++ that MSL leaves out
 *   bfloat           no min, max, clamp of a bfloat and an integer literal
 *   inline           helper functions are METAL_FUNC
 *   size             at most 10,000 declarations, 100,000 unrolled statements
 *   barrier, return, tile-hazard, tile-load, tile-atomic, matrix-store,
 *   statement        lint_flow.c
 */
#include "lint.h"

enum {
  MAX_DECLARATIONS = 10000, /* METAL-FACTS 6.1, 11 */
  MOST_LENGTH = (1 << 28) - 1, /* of a token: lint_token.len */
  LEAST_BOUND = 64, MOST_BOUND = 1024, BUFFER_SLOTS = 31
};

/* ---- words ------------------------------------------------------------ */

static const struct { const char *word, *rule, *why; } bad[] = {
  {"double", "type", "MSL has no double"},
  {"size_t", "type", "not allowed in kernel arguments; write ulong"},
  {"ptrdiff_t", "type", "not allowed in kernel arguments; write long"},
  {"asm", "keyword", "inline assembly is not stable"},
  {"__asm", "keyword", "inline assembly is not stable"},
  {"__asm__", "keyword", "inline assembly is not stable"},
  {"goto", "keyword", "not in MSL"},
  {"auto", "keyword", "types are written out, so that they can be checked"},
  {"typedef", "keyword", "types go by their own names"},
  {"new", "keyword", "not in MSL"},
  {"throw", "keyword", "not in MSL"},
  {"virtual", "keyword", "not in MSL"},
  {"and", "keyword", "written &&"},
  {"or", "keyword", "written ||"},
  {"not", "keyword", "written !"},
  {"bitand", "keyword", "written &"},
};

static uint32_t bad_word(const char *text, uint32_t len) {
  for (uint32_t i = 0; i < TM_COUNT(bad); i++)
    if (strlen(bad[i].word) == len && memcmp(text, bad[i].word, len) == 0)
      return i + 1;
  return 0;
}

static uint32_t type_bytes(const char *text, uint32_t len) {
  static const struct { const char *name; uint32_t bytes; } types[] = {
    {"bool", 1}, {"uchar", 1}, {"char", 1}, {"ushort", 2}, {"short", 2},
    {"bfloat", 2}, {"half", 2}, {"uint", 4}, {"int", 4}, {"float", 4},
    {"atomic_uint", 4}, {"atomic_int", 4}, {"ulong", 8}, {"long", 8}
  };
  for (size_t i = 0; i < TM_COUNT(types); i++) {
    size_t n = strlen(types[i].name);
    if (len < n || memcmp(text, types[i].name, n) != 0) continue;
    if (len == n) return types[i].bytes;
    if (len != n + 1) continue;
    if (text[n] == '2') return types[i].bytes * 2;
    if (text[n] == '3' || text[n] == '4') return types[i].bytes * 4;
  }
  return 0;
}

/* ---- tokens ----------------------------------------------------------- */

static bool opens(const linter *l, uint32_t i) {
  return lint_is(l, i, "(") || lint_is(l, i, "[") || lint_is(l, i, "{");
}
static bool closes(const linter *l, uint32_t i) {
  return lint_is(l, i, ")") || lint_is(l, i, "]") || lint_is(l, i, "}");
}

static bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (c >= '0' && c <= '9');
}

/* Behind the comment at p. */
static const char *skip_comment(const char *p, uint32_t *line) {
  if (p[1] == '/') {
    while (*p && *p != '\n') p++;
    return p;
  }
  for (p += 2; *p && !(p[0] == '*' && p[1] == '/'); p++)
    if (*p == '\n') ++*line;
  return *p ? p + 2 : p;
}

static const char *end_of_number(const char *p) {
  bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
  for (;; p++) {
    bool exponent = (*p == '+' || *p == '-') && !hex &&
                    (p[-1] == 'e' || p[-1] == 'E');
    if (!is_word_char(*p) && *p != '.' && !exponent) return p;
  }
}

/* Of <<= >>= == != <= >= += -= *= /= %= &= |= ^= && || ++ -- << >> :: ->
 * and single characters. */
static uint32_t punct_length(const char *p) {
  if (p[1] == '=') return strchr("=!<>+-*/%&|^", p[0]) ? 2 : 1;
  if (p[0] == '-' && p[1] == '>') return 2;
  if (p[0] != p[1] || !strchr("<>&|+-:", p[0])) return 1;
  return (p[0] == '<' || p[0] == '>') && p[2] == '=' ? 3 : 2;
}

/* Equal texts are found again under the hash, or one of those after it where
 * different texts share it. */
uint32_t lint_find_word(const linter *l, const char *text, size_t len) {
  uint64_t key = tm_hash_bytes(text, len, 0), at = 0;
  for (; tm_map_get(&l->word_of, key, &at); key++) {
    const lint_word *w = &l->words.data[at];
    if (w->len == len && memcmp(w->text, text, len) == 0) return (uint32_t)at;
  }
  return 0;
}

static uint32_t add_word(linter *l, const char *text, uint32_t len) {
  uint32_t found = lint_find_word(l, text, len);
  if (found) return found;
  uint64_t key = tm_hash_bytes(text, len, 0);
  while (tm_map_get(&l->word_of, key, NULL)) key++;
  tm_map_put(&l->word_of, key, l->words.len);
  lint_word w = {.text = text, .len = len, .bytes = type_bytes(text, len),
                 .bad = bad_word(text, len)};
  tm_push(l->arena, &l->words, w);
  return l->words.len - 1;
}

/* Brackets pair by their nesting, whatever their kind: where they do not
 * match the text is broken, and other rules see it. */
static void pair_brackets(linter *l) {
  TM_VEC(uint32_t) open = {0};
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    if (opens(l, i)) tm_push(l->arena, &open, i);
    if (closes(l, i) && open.len)
      l->tokens.data[open.data[--open.len]].after = i + 1;
  }
  while (open.len)
    l->tokens.data[open.data[--open.len]].after = l->tokens.len - 1;
}

static void tokenize(linter *l, const char *p) {
  uint32_t line = 1;
  bool fresh = true; /* nothing but blanks on this line so far */
  while (*p) {
    if (*p == '\n') {
      line++;
      fresh = true;
      p++;
      continue;
    }
    if (*p == ' ' || *p == '\t' || *p == '\r') {
      p++;
      continue;
    }
    lint_token t = {.text = p, .len = 1, .kind = LINT_PUNCT, .line = line};
    if (*p == '/' && (p[1] == '/' || p[1] == '*')) {
      p = skip_comment(p, &line);
      if (t.text[1] != '/' || p[-1] != '\\') continue;
      t.kind = LINT_DIRECTIVE; /* it takes the next line with it */
      t.len = (uint32_t)(p - t.text) & MOST_LENGTH;
      tm_push(l->arena, &l->tokens, t);
      continue;
    }
    if (*p == '#' && fresh) {
      t.kind = LINT_DIRECTIVE;
      while (*p && *p != '\n') p++;
    } else if ((*p >= '0' && *p <= '9') ||
               (*p == '.' && p[1] >= '0' && p[1] <= '9')) {
      t.kind = LINT_NUMBER;
      p = end_of_number(p);
    } else if (is_word_char(*p)) {
      t.kind = LINT_WORD;
      while (is_word_char(*p)) p++;
    } else if (*p == '"' || *p == '\'') {
      char quote = *p++;
      t.kind = LINT_TEXT;
      while (*p && *p != quote && *p != '\n') p += *p == '\\' && p[1] ? 2 : 1;
      if (*p == quote) p++;
    } else {
      p += punct_length(p);
    }
    t.len = (uint32_t)(p - t.text) & MOST_LENGTH;
    if (t.kind == LINT_WORD) t.word = add_word(l, t.text, t.len);
    fresh = false;
    tm_push(l->arena, &l->tokens, t);
  }
  lint_token end = {.text = p, .kind = LINT_END, .line = line};
  tm_push(l->arena, &l->tokens, end);
  pair_brackets(l);
}

uint32_t lint_after(const linter *l, uint32_t open) {
  uint32_t after = lint_at(l, open)->after;
  return after ? after : l->tokens.len - 1;
}

void lint_report(linter *l, uint32_t token, const char *rule,
                 const char *fmt, ...) {
  tm_buf buf = tm_buf_in(l->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&buf, fmt, args);
  va_end(args);
  uint32_t line = lint_at(l, token)->line;
  tm_loc loc = {0, 0, 0};
  for (uint32_t i = 0; i < l->msl->n_places; i++)
    if (l->msl->places[i].line <= line) loc = l->msl->places[i].loc;
  tm_error_at(l->diags, TM_DIAG_INTERNAL, loc,
              "emitted MSL, line %u, rule %s: %s", (unsigned)line, rule,
              tm_buf_text(&buf));
}

/* ---- the whole text --------------------------------------------------- */

static bool directive_is(const linter *l, uint32_t i, const char *text) {
  const lint_token *t = lint_at(l, i);
  size_t n = strlen(text);
  return t->kind == LINT_DIRECTIVE && t->len >= n &&
         memcmp(t->text, text, n) == 0;
}

static void check_prelude(linter *l) {
  bool included = false, used = false;
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    included = included || directive_is(l, i, "#include <metal_stdlib>");
    used = used || (lint_is(l, i, "using") && lint_is(l, i + 1, "namespace") &&
                    lint_is(l, i + 2, "metal"));
  }
  if (!included) lint_report(l, 0, "prelude", "metal_stdlib is not included");
  if (!used) lint_report(l, 0, "prelude", "namespace metal is not used");
}

static void check_words(linter *l) {
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    if (lint_at(l, i)->kind != LINT_WORD) continue;
    uint32_t b = lint_word_at(l, i)->bad;
    if (b && !lint_is_tensor_auto(l, i))
      lint_report(l, i, bad[b - 1].rule, "%s: %s", bad[b - 1].word,
                  bad[b - 1].why);
    if (lint_is(l, i, "long") && lint_is(l, i + 1, "long"))
      lint_report(l, i, "type", "long long: MSL has no such type");
  }
}

/* Bytes that MSL has no use for, and other spellings of braces and lines. */
static void check_bytes(linter *l) {
  static const char *const pairs[] = {"<%", "%>", "<:", ":>", "%:", "??"};
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    const lint_token *t = lint_at(l, i);
    if (t->kind == LINT_TEXT)
      lint_report(l, i, "keyword", "a text or character");
    if (t->kind != LINT_PUNCT) continue;
    bool odd = !strchr("!%&()*+,-./:;<=>?[]^{|}~", t->text[0]);
    for (size_t k = 0; k < TM_COUNT(pairs); k++)
      odd = odd || strncmp(t->text, pairs[k], 2) == 0;
    if (odd)
      lint_report(l, i, "keyword", "a spelling that is not emitted (byte %u)",
                  (unsigned)(unsigned char)t->text[0]);
  }
}

/* 1.5, .5, 1e3 without a suffix would be double elsewhere, and shows that
 * the generator lost track of a type. */
static void check_literals(linter *l) {
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    const lint_token *t = lint_at(l, i);
    if (t->kind != LINT_NUMBER) continue;
    bool hex = t->len > 1 && (t->text[1] == 'x' || t->text[1] == 'X');
    bool floating = false;
    for (uint32_t k = 0; k < t->len; k++) {
      char c = t->text[k];
      floating = floating || c == '.' || (!hex && (c == 'e' || c == 'E')) ||
                 (hex && (c == 'p' || c == 'P'));
    }
    char last = t->text[t->len - 1];
    if (floating && !strchr("fFhH", last))
      lint_report(l, i, "literal", "%.*s has no suffix", (int)t->len, t->text);
  }
}

/* ---- loop counters ---------------------------------------------------- */

static bool is_wide_type(const linter *l, uint32_t i) {
  static const char *const wide[] = {"long", "ulong", "int64_t", "uint64_t",
                                     "size_t", "ptrdiff_t"};
  for (size_t k = 0; k < TM_COUNT(wide); k++)
    if (lint_is(l, i, wide[k])) return true;
  return false;
}

/* name = ..., name += ..., ++name, name++ and their like. */
static bool is_changed(const linter *l, uint32_t i) {
  const lint_token *next = lint_at(l, i + 1);
  bool sign = lint_is(l, i + 1, "=") ||
              (next->len == 2 && next->text[1] == '=' &&
               strchr("+-*/%&|^", next->text[0]));
  return sign || lint_is(l, i + 1, "<<=") || lint_is(l, i + 1, ">>=") ||
         lint_is(l, i + 1, "++") || lint_is(l, i + 1, "--") ||
         (i > 0 && (lint_is(l, i - 1, "++") || lint_is(l, i - 1, "--")));
}

/* Token i names a variable whose last declaration is of a 64-bit type. */
static bool is_wide_name(const linter *l, uint32_t i) {
  if (i > 0 && lint_is(l, i - 1, ".")) return false;
  uint32_t declared = lint_word_at(l, i)->declared;
  return declared > 1 && is_wide_type(l, declared - 2);
}

/* The end of the statement that starts at i. */
static uint32_t end_of_body(const linter *l, uint32_t i) {
  if (lint_is(l, i, "{")) return lint_after(l, i);
  while (lint_at(l, i)->kind != LINT_END && !lint_is(l, i, ";") &&
         !lint_is(l, i, "}"))
    i = lint_is(l, i, "(") || lint_is(l, i, "{") ? lint_after(l, i) : i + 1;
  return i;
}

/* A name of the loop's head that the loop changes and that is 64 bits wide. */
static void check_counter(linter *l, uint32_t loop) {
  uint32_t body = lint_after(l, loop + 1), end = end_of_body(l, body);
  for (uint32_t i = loop + 2; i + 1 < body; i++) {
    if (is_wide_type(l, i) && lint_at(l, i + 1)->kind == LINT_WORD) {
      lint_report(l, loop, "counter", "a loop counter of type %.*s",
                  (int)lint_at(l, i)->len, lint_at(l, i)->text);
      return;
    }
    if (!is_wide_name(l, i)) continue;
    for (uint32_t k = loop + 2; k < end; k++) {
      if (!lint_same(l, k, i) || !is_changed(l, k)) continue;
      lint_report(l, loop, "counter", "%.*s counts in 64 bits",
                  (int)lint_at(l, i)->len, lint_at(l, i)->text);
      return;
    }
  }
}

/* "type name" at token i: name is of that type from here on. */
static void note_declaration(linter *l, uint32_t i) {
  if (lint_at(l, i)->kind == LINT_WORD && lint_at(l, i + 1)->kind == LINT_WORD)
    lint_word_at(l, i + 1)->declared = i + 2;
}

/* for (long i = ...) and while (i < n) with a long i: miscompiled, or the
 * compiler hangs. */
static void check_counters(linter *l) {
  for (uint32_t i = 0; i + 1 < l->tokens.len; i++) {
    note_declaration(l, i);
    if ((!lint_is(l, i, "for") && !lint_is(l, i, "while")) ||
        !lint_is(l, i + 1, "("))
      continue;
    for (uint32_t k = i + 2, end = lint_after(l, i + 1); k < end; k++)
      note_declaration(l, k);
    check_counter(l, i);
  }
}

/* ---- directives ------------------------------------------------------- */

static bool has(const lint_token *t, const char *what) {
  size_t n = strlen(what);
  for (size_t i = 0; i + n <= t->len; i++)
    if (memcmp(t->text + i, what, n) == 0) return true;
  return false;
}

/* What the prelude has, and what loops have in front of them. Nothing joins
 * lines by a backslash, and no comment begins in a directive. */
static void check_directives(linter *l) {
  static const char *const outside[] = {
    "#include <metal_", "#include <MetalPerformancePrimitives/",
    "#if __METAL_VERSION__ ", "#else", "#endif",
    "#pragma METAL "
  };
  static const char *const inside[] = {
    "#pragma unroll", "#pragma clang loop ", "#pragma METAL "
  };
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    if (lint_at(l, i)->kind != LINT_DIRECTIVE) continue;
    bool in = l->kernel && i > l->body && i < l->body_end, known = false;
    for (size_t k = 0; k < TM_COUNT(outside) && !in; k++)
      known = known || directive_is(l, i, outside[k]);
    for (size_t k = 0; k < TM_COUNT(inside); k++)
      known = known || directive_is(l, i, inside[k]);
    if (!known || has(lint_at(l, i), "\\") || has(lint_at(l, i), "/*"))
      lint_report(l, i, "directive", "%.*s: the text that is checked has to "
                  "be the text that is compiled", (int)lint_at(l, i)->len,
                  lint_at(l, i)->text);
  }
}

/* ---- bfloat ----------------------------------------------------------- */

static void check_bfloat(linter *l) {
  for (uint32_t i = 0; i + 1 < l->tokens.len; i++) {
    if (lint_is(l, i, "bfloat") && lint_at(l, i + 1)->kind == LINT_WORD)
      lint_word_at(l, i + 1)->is_bfloat = true;
    bool call = lint_is(l, i, "max") || lint_is(l, i, "min") ||
                lint_is(l, i, "clamp");
    if (!call || !lint_is(l, i + 1, "(")) continue;
    uint32_t end = lint_after(l, i + 1), depth = 0;
    bool integer = false, bfloat = false;
    for (uint32_t k = i + 1; k < end; k++) {
      if (opens(l, k)) depth++;
      if (closes(l, k)) depth--;
      const lint_token *t = lint_at(l, k);
      bool alone = depth == 1 && !lint_is(l, k, ")");
      integer = integer || (alone && t->kind == LINT_NUMBER &&
                            !memchr(t->text, '.', t->len));
      if (t->kind != LINT_WORD) continue;
      bfloat = bfloat || lint_is(l, k, "bfloat") ||
               lint_word_at(l, k)->is_bfloat;
    }
    if (integer && bfloat)
      lint_report(l, i, "bfloat", "the integer overload of %.*s would be "
                  "taken", (int)lint_at(l, i)->len, lint_at(l, i)->text);
  }
}

/* Functions at file scope other than the kernel. */
static void check_helpers(linter *l) {
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    if (opens(l, i) && !lint_is(l, i, "(")) {
      i = lint_after(l, i) - 1;
      continue;
    }
    if (!lint_is(l, i, "(") || i == l->params) continue;
    uint32_t end = lint_after(l, i), start = i;
    if (!lint_is(l, end, "{")) continue;
    while (start > 0 && !lint_is(l, start - 1, ";") &&
           !lint_is(l, start - 1, "}") &&
           lint_at(l, start - 1)->kind != LINT_DIRECTIVE)
      start--;
    bool inlined = false;
    for (uint32_t k = start; k < i; k++)
      inlined = inlined || lint_is(l, k, "METAL_FUNC");
    if (!inlined)
      lint_report(l, i, "inline", "%.*s is not METAL_FUNC",
                  (int)lint_at(l, i - 1)->len, lint_at(l, i - 1)->text);
    i = lint_after(l, end) - 1;
  }
}

/* ---- the entry point -------------------------------------------------- */

static uint32_t number_at(const linter *l, uint32_t i) {
  const lint_token *t = lint_at(l, i);
  uint64_t n = 0;
  if (t->kind != LINT_NUMBER) return UINT32_MAX;
  for (uint32_t k = 0; k < t->len && t->text[k] >= '0' && t->text[k] <= '9';
       k++)
    if ((n = n * 10 + (uint64_t)(t->text[k] - '0')) > UINT32_MAX)
      return UINT32_MAX;
  return (uint32_t)n;
}

static void find_kernel(linter *l) {
  uint32_t found = 0;
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    if (!lint_is(l, i, "kernel") || lint_at(l, i)->kind != LINT_WORD) continue;
    uint32_t open = i;
    while (!lint_is(l, open, "(") && lint_at(l, open)->kind != LINT_END)
      open++;
    if (lint_at(l, open)->kind == LINT_END) break;
    found++;
    l->kernel = open - 1;
    l->params = open;
    l->body = lint_after(l, open);
    l->body_end = lint_after(l, l->body);
  }
  if (found != 1) {
    lint_report(l, 0, "entry", "%u kernels instead of one", (unsigned)found);
    l->kernel = 0;
    return;
  }
  const lint_token *name = lint_at(l, l->kernel);
  const char *entry = l->msl->entry ? l->msl->entry : "";
  if (name->len != strlen(entry) || memcmp(name->text, entry, name->len) != 0)
    lint_report(l, l->kernel, "entry", "the kernel is %.*s, not %s",
                (int)name->len, name->text, entry);
  if (!lint_is(l, l->body, "{")) {
    lint_report(l, l->body, "entry", "the kernel has no body");
    l->kernel = 0;
  }
}

static void check_bound(linter *l) {
  uint32_t bound = 0, at = l->kernel;
  for (uint32_t i = 0; i < l->params; i++)
    if (lint_is(l, i, "max_total_threads_per_threadgroup") &&
        lint_is(l, i + 1, "("))
      bound = number_at(l, i + 2), at = i;
  if (bound == 0)
    lint_report(l, at, "thread-bound",
                "max_total_threads_per_threadgroup is missing");
  else if (bound < LEAST_BOUND)
    lint_report(l, at, "thread-bound", "a bound of %u is miscompiled; %u is "
                "the least", (unsigned)bound, (unsigned)LEAST_BOUND);
  else if (bound > MOST_BOUND || bound < l->msl->threads)
    lint_report(l, at, "thread-bound", "a bound of %u for %u threads",
                (unsigned)bound, (unsigned)l->msl->threads);
}

/* Slots that the metadata speaks of. */
static uint32_t declared_slots(const linter *l) {
  uint32_t slots = 0;
  for (uint32_t i = 0; i < l->msl->n_args; i++)
    if (l->msl->args[i].kind == TM_ARG_BUFFER && l->msl->args[i].slot < 32)
      slots |= 1u << l->msl->args[i].slot;
  if (l->msl->scalars_size && l->msl->scalars_slot < 32)
    slots |= 1u << l->msl->scalars_slot;
  if (l->msl->uses_log && l->msl->log_slot < 32)
    slots |= 1u << l->msl->log_slot;
  return slots;
}

static void check_buffers(linter *l) {
  uint32_t used = 0;
  bool broken = false;
  for (uint32_t i = l->params; i < l->body; i++) {
    if (!lint_is(l, i, "buffer") || !lint_is(l, i + 1, "(")) continue;
    uint32_t slot = number_at(l, i + 2);
    if (slot >= BUFFER_SLOTS) {
      lint_report(l, i, "buffers", "buffer index %u is above 30",
                  (unsigned)slot);
      broken = true;
    } else if (used >> slot & 1) {
      lint_report(l, i, "buffers", "buffer index %u is used twice",
                  (unsigned)slot);
      broken = true;
    } else {
      used |= 1u << slot;
    }
  }
  /* A pointer or reference parameter without an index would be given one. */
  uint32_t depth = 0;
  bool memory = false, attribute = false;
  for (uint32_t i = l->params; i < l->body; i++) {
    if (opens(l, i)) depth++;
    if (closes(l, i)) depth--;
    memory = memory || lint_is(l, i, "*") || lint_is(l, i, "&");
    attribute = attribute || (lint_is(l, i, "[") && lint_is(l, i + 1, "["));
    bool end = (depth == 1 && lint_is(l, i, ",")) || depth == 0;
    if (!end) continue;
    if (memory && !attribute)
      lint_report(l, i, "buffers", "a parameter without an index");
    memory = attribute = false;
  }
  if (!broken && used != declared_slots(l))
    lint_report(l, l->params, "buffers", "the text and the metadata name "
                "different buffers (0x%x, 0x%x)", (unsigned)used,
                (unsigned)declared_slots(l));
}

static void check_positions(linter *l) {
  static const char *const names[] = {
    "thread_position_in_grid", "threadgroup_position_in_grid",
    "thread_position_in_threadgroup", "threads_per_grid",
    "threadgroups_per_grid", "threads_per_threadgroup",
    "dispatch_threads_per_threadgroup"
  };
  for (uint32_t i = l->params; i < l->body; i++) {
    for (size_t k = 0; k < TM_COUNT(names); k++) {
      if (!lint_is(l, i, names[k]) || i < 4) continue;
      /* uint3 name [ [ attribute */
      if (!lint_is(l, i - 4, "uint3"))
        lint_report(l, i, "positions", "%s is not uint3", names[k]);
    }
    if (lint_is(l, i, "threadgroup") && lint_is(l, i + 1, "("))
      lint_report(l, i, "threadgroup-parameter",
                  "threadgroup memory as a parameter is unreliable; declare "
                  "it in the kernel");
  }
}

/* ---- threadgroup memory ----------------------------------------------- */

/* One array of each type: many arrays break the compiler's service
 * (METAL-FACTS 6.2, 14). */
static void check_single(linter *l, uint32_t i) {
  for (uint32_t k = l->body; k < i; k++) {
    if (!lint_is(l, k, "threadgroup") || !lint_same(l, k + 1, i + 1) ||
        lint_at(l, k + 2)->kind != LINT_WORD)
      continue;
    lint_report(l, i, "threadgroup-variable", "a second array of %.*s: tiles "
                "share one pool", (int)lint_at(l, i + 1)->len,
                lint_at(l, i + 1)->text);
    return;
  }
}

static void check_threadgroup(linter *l) {
  uint64_t total = 0;
  for (uint32_t i = l->body; i < l->body_end; i++) {
    if (!lint_is(l, i, "threadgroup") || lint_is(l, i + 2, "*") ||
        lint_at(l, i + 2)->kind != LINT_WORD)
      continue;
    uint32_t bytes = lint_word_at(l, i + 1)->bytes, k = i + 3;
    if (bytes == 0) continue; /* a pointer to something else */
    if (lint_is(l, i + 1, "bool"))
      lint_report(l, i, "threadgroup-variable",
                  "threadgroup bool has crashed compilers");
    check_single(l, i);
    uint64_t size = bytes;
    while (lint_is(l, k, "[")) {
      size *= number_at(l, k + 1);
      if (size > UINT32_MAX) size = UINT32_MAX;
      k = lint_after(l, k);
    }
    total = (total + 15) / 16 * 16 + size;
    if (lint_is(l, k, "="))
      lint_report(l, i, "threadgroup-variable", "it has an initialiser");
  }
  if (total > l->chip->threadgroup_bytes)
    lint_report(l, l->body, "threadgroup-bytes", "%llu bytes, and %s has %u",
                (unsigned long long)total, l->chip->device_name,
                (unsigned)l->chip->threadgroup_bytes);
  if (total != l->msl->threadgroup_bytes)
    lint_report(l, l->body, "threadgroup-bytes", "%llu bytes in the text, %u "
                "declared", (unsigned long long)total,
                (unsigned)l->msl->threadgroup_bytes);
}

/* ---- size ------------------------------------------------------------- */

static void check_size(linter *l) {
  uint64_t declarations = 0;
  for (uint32_t i = 0; i + 2 < l->tokens.len; i++) {
    if (lint_word_at(l, i)->bytes == 0 ||
        lint_at(l, i + 1)->kind != LINT_WORD)
      continue;
    if (lint_is(l, i + 2, "=") || lint_is(l, i + 2, ";") ||
        (lint_is(l, i + 2, "[") && !lint_is(l, i + 3, "[")))
      declarations++;
  }
  if (declarations > MAX_DECLARATIONS)
    lint_report(l, 0, "size", "%llu declarations; the compiler fails above "
                "%u", (unsigned long long)declarations,
                (unsigned)MAX_DECLARATIONS);
}

/* ---- shuffles --------------------------------------------------------- */

static bool is_shuffle(const linter *l, uint32_t i) {
  const lint_token *t = lint_at(l, i);
  bool simd = t->len > 5 && memcmp(t->text, "simd_", 5) == 0;
  return t->kind == LINT_WORD && lint_is(l, i + 1, "(") &&
         (simd || lint_is(l, i, "shuffle") || lint_is(l, i, "shuffle_xor"));
}

/* What follows &&, || and ? is not evaluated by every lane, and lanes that
 * are inactive are read as 0 or garbage (METAL-FACTS 6.5, 28). `lazy` has a
 * bit for each open bracket inside of which one of them came before. */
static void check_shuffles(linter *l) {
  enum { DEEPEST = 63 };
  uint64_t lazy = 0;
  uint32_t depth = 0;
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    uint64_t bit = 1ull << (depth < DEEPEST ? depth : DEEPEST);
    if (lint_is(l, i, ";") || lint_is(l, i, "{") || lint_is(l, i, "}")) {
      lazy = depth = 0;
    } else if (lint_is(l, i, "(") || lint_is(l, i, "[")) {
      depth++;
    } else if (lint_is(l, i, ")") || lint_is(l, i, "]")) {
      lazy &= depth < DEEPEST ? ~bit : ~0ull;
      if (depth > 0) depth--;
    } else if (lint_is(l, i, ",")) {
      lazy &= ~bit;
    } else if (lint_is(l, i, "&&") || lint_is(l, i, "||") ||
               lint_is(l, i, "?")) {
      lazy |= bit;
    } else if (lazy && is_shuffle(l, i)) {
      lint_report(l, i, "shuffle", "what follows &&, || or ? is not evaluated "
                  "by every lane");
    }
  }
}

/* Nested aggregate literals blow up the compiler (METAL-FACTS 6.1, 11). */
static void check_aggregates(linter *l) {
  for (uint32_t i = 0; i + 1 < l->tokens.len; i++) {
    if (!lint_is(l, i, "=") || !lint_is(l, i + 1, "{")) continue;
    uint32_t end = lint_after(l, i + 1);
    for (uint32_t k = i + 2; k < end; k++) {
      if (!lint_is(l, k, "{")) continue;
      lint_report(l, k, "aggregate", "a nested aggregate literal");
      break;
    }
  }
}

/* ---- the door --------------------------------------------------------- */

bool tm_msl_lint(const tm_msl *msl, const tm_chip *chip, tm_diags *diags) {
  uint32_t before = diags->errors;
  linter l = {.msl = msl, .chip = chip, .arena = diags->arena,
              .diags = diags, .word_of = tm_map_in(diags->arena)};
  tm_push(l.arena, &l.words, (lint_word){0});
  tokenize(&l, msl->text ? msl->text : "");
  check_prelude(&l);
  check_words(&l);
  check_bytes(&l);
  check_literals(&l);
  check_counters(&l);
  check_bfloat(&l);
  check_size(&l);
  check_shuffles(&l);
  check_aggregates(&l);
  find_kernel(&l);
  check_directives(&l);
  if (l.kernel) {
    check_bound(&l);
    check_buffers(&l);
    check_positions(&l);
    check_threadgroup(&l);
    check_helpers(&l);
    lint_tensor(&l);
    lint_flow(&l);
  }
  return diags->errors == before;
}
