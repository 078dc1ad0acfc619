/* SPDX-License-Identifier: MIT */
/*
 * custom_op.c - operations that the host registers for tl.custom.
 *
 * One is either a jit function in a module of its own, or a function written
 * in MSL that is applied to every element. The text of the latter goes into
 * the kernel's source as it is, so it is looked at first: only functions, in
 * balanced brackets, the named one among them, and nothing that reaches
 * beyond the values it is given (no preprocessor, no address spaces but
 * thread and constant, no barriers, no entry points).
 */
#include "ast.h"

const tm_custom *tm_custom_find(const tm_modules *set, const char *name) {
  for (uint32_t i = 0; i < set->customs.len; i++)
    if (strcmp(set->customs.data[i].name, name) == 0)
      return &set->customs.data[i];
  return NULL;
}

/* ---- the signature ------------------------------------------------------ */

static bool read_type(const char **at, char *out, size_t size) {
  static const char *const types[] = {"i1",  "i8",  "i16", "i32",  "i64", "u8",
                                      "u16", "u32", "u64", "fp16", "fp32"};
  *at += strspn(*at, " ");
  size_t n = 0;
  while (tm_is_word_char((*at)[n])) n++;
  if (!n || n >= size) return false;
  memcpy(out, *at, n);
  out[n] = 0;
  *at += n;
  *at += strspn(*at, " ");
  for (size_t i = 0; i < TM_COUNT(types); i++)
    if (strcmp(types[i], out) == 0) return true;
  return false;
}

const char *tm_custom_signature(const char *text, tm_custom *out) {
  static const char form[] =
      "a signature is written result(argument, ...), of i1 i8 i16 i32 i64 u8 "
      "u16 u32 u64 fp16 fp32: \"fp32(fp32, i32)\"";
  const char *at = text;
  if (!read_type(&at, out->types[0], sizeof out->types[0]) || *at++ != '(')
    return form;
  out->n_args = 0;
  do {
    if (out->n_args == TM_CUSTOM_MAX_ARGS)
      return "a custom operation takes at most 8 arguments";
    char *type = out->types[++out->n_args];
    if (!read_type(&at, type, sizeof out->types[0])) return form;
  } while (*at++ == ',');
  if (at[-1] != ')') return form;
  at += strspn(at, " ");
  return *at ? form : NULL;
}

/* ---- the text ----------------------------------------------------------- */

static const char *forbidden(const char *word, size_t n) {
  static const char *const words[] = {
    "kernel", "vertex", "fragment", "device", "threadgroup", "asm", "using",
    "threadgroup_barrier", "simdgroup_barrier", "atomic_thread_fence"};
  for (size_t i = 0; i < TM_COUNT(words); i++)
    if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0)
      return words[i];
  return NULL;
}

/* What may begin a declaration. Functions must be inlined: one that is not
 * gets its half arguments truncated by Metal's compiler (the linter's rule
 * "inline"). */
static bool begins_declaration(const char *word, size_t n) {
  static const char *const words[] = {"METAL_FUNC", "constant", "struct"};
  for (size_t i = 0; i < TM_COUNT(words); i++)
    if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0) return true;
  return false;
}

/* The first byte after a comment that begins at at, or at itself. NULL when a
 * comment does not end. */
static const char *past_comment(const char *at, const char *end) {
  if (end - at < 2 || at[0] != '/') return at;
  if (at[1] == '/') {
    while (at < end && *at != '\n') at++;
    return at;
  }
  if (at[1] != '*') return at;
  for (at += 2; end - at >= 2; at++)
    if (at[0] == '*' && at[1] == '/') return at + 2;
  return NULL;
}

/* The bracket that closes c, or 0. */
static char closer(char c) {
  return c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : 0;
}

const char *tm_custom_text(tm_arena *arena, const char *name, tm_str text) {
  char open[64];
  uint32_t depth = 0;
  size_t name_len = strlen(name);
  bool defines = false, fresh = true; /* fresh: a declaration begins */
  const char *end = text.ptr + text.len;
  for (const char *at = text.ptr; at < end;) {
    const char *next = past_comment(at, end);
    if (!next) return "a comment does not end";
    if (next != at) {
      at = next;
      continue;
    }
    if (tm_is_word_char(*at)) {
      size_t n = 0;
      while (at + n < end && tm_is_word_char(at[n])) n++;
      const char *bad = forbidden(at, n);
      tm_buf why = tm_buf_in(arena);
      if (bad) {
        tm_buf_printf(&why, "'%s' has no place in a function of elements", bad);
        return tm_buf_text(&why);
      }
      if (fresh && !begins_declaration(at, n))
        return "write METAL_FUNC before every function";
      fresh = false;
      const char *after = at + n;
      while (after < end && *after == ' ') after++;
      if (!depth && n == name_len && memcmp(at, name, n) == 0 &&
          after < end && *after == '(')
        defines = true;
      at += n;
      continue;
    }
    if (*at == '#' || *at == '"' || *at == '\'' || *at == '\\' || *at == 0)
      return "preprocessor lines, strings and escapes have no place in a "
             "function of elements";
    if (closer(*at)) {
      if (depth == sizeof open) return "brackets are nested too deeply";
      open[depth++] = closer(*at);
    } else if (*at == ')' || *at == ']' || *at == '}') {
      if (!depth || open[--depth] != *at) return "brackets do not match";
    }
    if (!depth && (*at == '}' || *at == ';')) fresh = true;
    at++;
  }
  if (depth) return "a bracket is not closed";
  return defines ? NULL : "the text defines no function of that name";
}
