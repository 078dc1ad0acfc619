/* SPDX-License-Identifier: MIT */
/*
 * signature.c - Triton's ahead-of-time signature text.
 *
 *     "*fp32:16, *fp32:16, i32:16, 1024, tl.float16"
 *
 * One entry a parameter, in order, separated by commas outside quotes;
 * parameters set by name take none, and entries may stop early when all the
 * parameters left have defaults. Type names are those of triton.compile.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- literals ---------------------------------------------------------- */

static bool word_is(tm_str text, const char *word) {
  if (text.len != strlen(word)) return false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if (c != word[i]) return false;
  }
  return true;
}

static const char *const dtype_names[] = {
    "i1",   "i8",   "i16",  "i32",     "i64",     "u1",
    "u8",   "u16",  "u32",  "u64",     "fp8e4nv", "fp8e5",
    "fp8e4b8", "fp8e5b16", "fp8e4b15", "fp16", "bf16", "fp32", "fp64"};

/* Long spellings, as tl.float16, and their short ones. */
static const char *const dtype_aliases[][2] = {
    {"int1", "i1"},       {"int8", "i8"},         {"int16", "i16"},
    {"int32", "i32"},     {"int64", "i64"},       {"uint8", "u8"},
    {"uint16", "u16"},    {"uint32", "u32"},      {"uint64", "u64"},
    {"float16", "fp16"},  {"bfloat16", "bf16"},   {"float32", "fp32"},
    {"float64", "fp64"},  {"float8e4nv", "fp8e4nv"},
    {"float8e5", "fp8e5"}, {"float8e4b8", "fp8e4b8"},
    {"float8e5b16", "fp8e5b16"}, {"float8e4b15", "fp8e4b15"}};

/* The short name of a dtype; NULL when text is none. */
static const char *dtype_of(tm_str text) {
  if (text.len > 3 && memcmp(text.ptr, "tl.", 3) == 0)
    text = (tm_str){text.ptr + 3, text.len - 3};
  for (size_t i = 0; i < TM_COUNT(dtype_names); i++)
    if (tm_str_eq(text, tm_cstr(dtype_names[i]))) return dtype_names[i];
  for (size_t i = 0; i < TM_COUNT(dtype_aliases); i++)
    if (tm_str_eq(text, tm_cstr(dtype_aliases[i][0])))
      return dtype_aliases[i][1];
  return NULL;
}

static tm_str trim(tm_str text) {
  while (text.len && strchr(" \t\r\n", text.ptr[0])) text.ptr++, text.len--;
  while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1])) text.len--;
  return text;
}

/* A decimal or hexadecimal integer, or a float. */
static bool number_parse(const char *text, tm_const *out) {
  char *end;
  const char *digits = text + (*text == '-' || *text == '+');
  bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
  errno = 0;
  long long i = strtoll(text, &end, hex ? 16 : 10);
  if (end != text && !*end) {
    *out = (tm_const){.kind = TM_CONST_INT, .i = i};
    return !errno; /* wider than 64 bits: refused, not rounded */
  }
  double f = strtod(text, &end);
  if (end == text || *end) return false;
  *out = (tm_const){.kind = TM_CONST_FLOAT, .f = f};
  return true;
}

bool tm_const_parse(tm_arena *arena, tm_str text, tm_const *out) {
  text = trim(text);
  memset(out, 0, sizeof *out);
  if (!text.len) return false;
  char quote = text.ptr[0];
  if (quote == '\'' || quote == '"') {
    if (text.len < 2 || text.ptr[text.len - 1] != quote) return false;
    out->kind = TM_CONST_TEXT;
    out->text = tm_strndup(arena, text.ptr + 1, text.len - 2);
    return true;
  }
  bool truth = word_is(text, "true");
  if (truth || word_is(text, "false")) {
    *out = (tm_const){.kind = TM_CONST_BOOL, .i = truth};
    return true;
  }
  if (word_is(text, "none")) {
    out->kind = TM_CONST_NONE;
    return true;
  }
  const char *copy = tm_strndup(arena, text.ptr, text.len);
  if (strchr("+-.0123456789", text.ptr[0])) return number_parse(copy, out);
  if (word_is(text, "inf") || word_is(text, "nan"))
    return number_parse(copy, out);
  const char *dtype = dtype_of(text);
  out->kind = dtype ? TM_CONST_DTYPE : TM_CONST_TEXT;
  out->text = dtype ? dtype : copy;
  return true;
}

/* ---- entries ----------------------------------------------------------- */

typedef struct reader {
  tm_arena *arena;
  tm_diags *diags;
  uint32_t file;
  const char *start, *at; /* zero-terminated */
} reader;

static tm_loc loc_at(const reader *r, const char *p) {
  return (tm_loc){r->file, 1, (uint32_t)(p - r->start) + 1};
}

/* Up to the next comma outside quotes and brackets. */
static tm_str next_entry(reader *r) {
  const char *from = r->at;
  char quote = 0;
  for (; *r->at && (quote || *r->at != ','); r->at++) {
    if (quote ? *r->at == quote : *r->at == '\'' || *r->at == '"')
      quote = quote ? 0 : *r->at;
  }
  tm_str entry = trim((tm_str){from, (size_t)(r->at - from)});
  if (*r->at == ',') r->at++;
  return entry;
}

/* The ":16" or ":1" after a type: 16, 1, 0 for none; -1 after an error. */
static int read_suffix(reader *r, tm_str *entry) {
  const char *colon = memchr(entry->ptr, ':', entry->len);
  if (!colon) return 0;
  tm_str suffix =
      trim((tm_str){colon + 1, (size_t)(entry->ptr + entry->len - colon - 1)});
  tm_str type = trim((tm_str){entry->ptr, (size_t)(colon - entry->ptr)});
  *entry = type;
  if (tm_str_eq(suffix, TM_STR("16"))) return 16;
  if (tm_str_eq(suffix, TM_STR("1"))) return 1;
  tm_diag *diag = tm_error_at(r->diags, TM_DIAG_SEMANTIC,
                              loc_at(r, colon + 1),
                              "unknown specialization ':%.*s'",
                              (int)suffix.len, suffix.ptr);
  tm_diag_hint(r->diags, diag,
               ":16 says divisible by 16, :1 says equal to 1");
  return -1;
}

static bool read_pointer(reader *r, tm_str entry, tm_spec_arg *out) {
  int suffix = read_suffix(r, &entry);
  if (suffix < 0) return false;
  tm_str pointee = {entry.ptr + 1, entry.len - 1};
  if (pointee.len && pointee.ptr[0] == 'k') /* *k: pointer to const */
    pointee.ptr++, pointee.len--;
  const char *type = dtype_of(trim(pointee));
  if (!type || suffix == 1) {
    tm_error_at(r->diags, TM_DIAG_SEMANTIC, loc_at(r, entry.ptr),
                type ? "a pointer cannot be equal to 1: '%.*s'"
                     : "unknown pointer type '%.*s'",
                (int)entry.len, entry.ptr);
    return false;
  }
  *out = (tm_spec_arg){.kind = TM_SPEC_POINTER,
                       .type = type,
                       .divisibility = (uint32_t)suffix};
  return true;
}

static bool is_float_type(const char *type) {
  return type[0] == 'f' || type[0] == 'b';
}

static bool read_entry(reader *r, tm_str entry, tm_spec_arg *out) {
  if (!entry.len) {
    tm_error_at(r->diags, TM_DIAG_SEMANTIC, loc_at(r, entry.ptr),
                "an entry of the signature is empty");
    return false;
  }
  if (entry.ptr[0] == '*') return read_pointer(r, entry, out);
  tm_str type_text = entry;
  const char *colon = memchr(entry.ptr, ':', entry.len);
  if (colon)
    type_text = trim((tm_str){entry.ptr, (size_t)(colon - entry.ptr)});
  /* A bare type is a run-time number's; tl.float16 is the type itself. */
  bool is_literal = type_text.len > 3 && !memcmp(type_text.ptr, "tl.", 3);
  const char *type = is_literal ? NULL : dtype_of(type_text);
  if (!type) {
    *out = (tm_spec_arg){.kind = TM_SPEC_CONST};
    if (tm_const_parse(r->arena, entry, &out->value)) return true;
    tm_error_at(r->diags, TM_DIAG_SEMANTIC, loc_at(r, entry.ptr),
                "'%.*s' is neither a type nor a literal that fits 64 bits",
                (int)entry.len, entry.ptr);
    return false;
  }
  int suffix = read_suffix(r, &entry);
  if (suffix < 0) return false;
  if (suffix && is_float_type(type)) {
    tm_error_at(r->diags, TM_DIAG_SEMANTIC, loc_at(r, entry.ptr),
                "%s cannot be specialized: only pointers and integers are",
                type);
    return false;
  }
  if (suffix == 1) /* equal to 1: the parameter is the constant 1 */
    *out = (tm_spec_arg){.kind = TM_SPEC_CONST,
                         .value = {.kind = TM_CONST_INT, .i = 1}};
  else
    *out = (tm_spec_arg){.kind = TM_SPEC_SCALAR,
                         .type = type,
                         .divisibility = (uint32_t)suffix};
  return true;
}

/* ---- the signature ----------------------------------------------------- */

static const tm_named_const *const_named(const tm_named_const *consts,
                                         uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (strcmp(consts[i].name, name) == 0) return &consts[i];
  return NULL;
}

/* Every name in consts must be a parameter. */
static bool names_ok(reader *r, const tm_function_def *function,
                     const tm_named_const *consts, uint32_t n_consts) {
  bool ok = true;
  for (uint32_t i = 0; i < n_consts; i++) {
    const char *nearest = NULL;
    unsigned best = 3; /* edits beyond which a suggestion is noise */
    bool found = false;
    for (uint32_t p = 0; p < function->params.len; p++) {
      const char *name = function->params.data[p].name;
      unsigned distance = tm_edit_distance(consts[i].name, name, 3);
      if (distance < best) best = distance, nearest = name;
      found = found || strcmp(name, consts[i].name) == 0;
    }
    if (found) continue;
    tm_diag *diag = tm_error_at(r->diags, TM_DIAG_SEMANTIC, function->loc,
                                "kernel '%s' has no parameter named '%s'",
                                function->name, consts[i].name);
    if (nearest) tm_diag_hint(r->diags, diag, "did you mean '%s'?", nearest);
    ok = false;
  }
  return ok;
}

tm_spec_arg *tm_signature_parse(tm_arena *arena, tm_diags *diags,
                                const char *signature,
                                const tm_function_def *function,
                                const tm_named_const *consts,
                                uint32_t n_consts) {
  const char *text = tm_strndup(arena, signature, strlen(signature));
  reader r = {arena, diags, tm_diags_source(diags, "signature",
                                            tm_cstr(text)),
              text, text};
  uint32_t n = function->params.len;
  tm_spec_arg *args = TM_NEW_ARRAY(arena, tm_spec_arg, n + 1);
  bool ok = names_ok(&r, function, consts, n_consts);
  bool more = trim(tm_cstr(text)).len > 0;
  for (uint32_t p = 0; p < n; p++) {
    const char *name = function->params.data[p].name;
    const tm_named_const *given = const_named(consts, n_consts, name);
    if (given) {
      args[p] = (tm_spec_arg){.kind = TM_SPEC_CONST, .value = given->value};
    } else if (more) {
      ok = read_entry(&r, next_entry(&r), &args[p]) && ok;
      more = r.at > text && (*r.at || r.at[-1] == ',');
    } else if (!function->params.data[p].value) {
      tm_diag *diag = tm_error_at(
          diags, TM_DIAG_SEMANTIC, function->params.data[p].loc,
          "parameter '%s' of kernel '%s' has no entry in the signature", name,
          function->name);
      tm_diag_hint(diags, diag,
                   "give one entry for each parameter, or set it by name "
                   "(-D %s=VALUE)",
                   name);
      ok = false;
    }
  }
  if (more) {
    tm_error_at(diags, TM_DIAG_SEMANTIC, loc_at(&r, r.at),
                "the signature has more entries than kernel '%s' has "
                "parameters (%u)",
                function->name, n);
    ok = false;
  }
  return ok ? args : NULL;
}
