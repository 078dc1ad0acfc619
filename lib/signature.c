/* SPDX-License-Identifier: MIT */
/*
 * signature.c - Triton's ahead-of-time signature text.
 *
 *     "*fp32:16, *fp32:16, i32:16, 1024, tl.float16"
 *     "tensordesc<fp16[64, 64]>, (*fp32, i32, 16), (x=*i8, size=i32)"
 *
 * One entry a parameter, in order, separated by commas outside quotes and
 * brackets; parameters set by name take none, or the word constexpr, and
 * entries may stop early when all the parameters left have defaults. Type
 * names are those of triton.compile; so are descriptors' (the text that
 * native_specialize_impl makes) and tuples', which Triton writes as Python
 * tuples of such text. What Triton has in its descriptor object and not in
 * that text follows it here: tensordesc<fp32[16,16]>:nan:tf32.
 */
#include "compile.h"

#include <errno.h>
#include <stdarg.h>
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
  if (text.ptr[0] == '@' && text.len > 1) {
    out->kind = TM_CONST_FUNCTION;
    out->text = copy + 1;
    return true;
  }
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
  const char *start, *at, *end;
  const tm_named_const *consts;
  uint32_t n_consts;
  bool *used;    /* consts that named an item of a tuple */
  uint32_t depth; /* of tuples in tuples */
} reader;

static tm_loc loc_at(const reader *r, const char *p) {
  return (tm_loc){r->file, 1, (uint32_t)(p - r->start) + 1};
}

static const char descriptor_word[] = "tensordesc";

/* Past a bracket's end; the text's end when it has none. p is at the open
 * bracket. */
static const char *past_bracket(const char *p, const char *end) {
  uint32_t open = 0;
  char quote = 0;
  for (; p < end; p++) {
    if (quote ? *p == quote : *p == '\'' || *p == '"')
      quote = quote ? 0 : *p;
    else if (!quote && strchr("([<", *p))
      open++;
    else if (!quote && strchr(")]>", *p) && --open == 0)
      return p + 1;
  }
  return end;
}

/* Up to the next comma outside quotes and brackets. A "<" is a bracket only
 * of a descriptor: others compare. */
static tm_str next_entry(reader *r) {
  const char *from = r->at;
  char quote = 0;
  while (r->at < r->end && (quote || *r->at != ',')) {
    tm_str before = trim((tm_str){from, (size_t)(r->at - from)});
    size_t n = sizeof descriptor_word - 1;
    bool desc = *r->at == '<' && before.len >= n &&
                memcmp(before.ptr, descriptor_word, n) == 0;
    if (!quote && (desc || *r->at == '(' || *r->at == '[')) {
      r->at = past_bracket(r->at, r->end);
      continue;
    }
    if (quote ? *r->at == quote : *r->at == '\'' || *r->at == '"')
      quote = quote ? 0 : *r->at;
    r->at++;
  }
  tm_str entry = trim((tm_str){from, (size_t)(r->at - from)});
  if (r->at < r->end) r->at++;
  return entry;
}

static void refuse(reader *r, const char *at, const char *hint,
                   const char *fmt, ...) TM_PRINTF(4, 5);
static void refuse(reader *r, const char *at, const char *hint,
                   const char *fmt, ...) {
  tm_buf text = tm_buf_in(r->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&text, fmt, args);
  va_end(args);
  tm_diag *diag = tm_error_at(r->diags, TM_DIAG_SEMANTIC, loc_at(r, at), "%s",
                              tm_buf_text(&text));
  if (hint) tm_diag_hint(r->diags, diag, "%s", hint);
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
    tm_diag *diag =
        tm_error_at(r->diags, TM_DIAG_SEMANTIC, loc_at(r, entry.ptr),
                    type ? "a pointer cannot be equal to 1: '%.*s'"
                         : "unknown pointer type '%.*s'",
                    (int)entry.len, entry.ptr);
    if (!type && memchr(entry.ptr, ' ', entry.len))
      tm_diag_hint(r->diags, diag, "entries are separated by commas");
    else if (!type)
      tm_diag_hint(r->diags, diag,
                   "types are i1 i8 i16 i32 i64 u8 u16 u32 u64 fp16 bf16 "
                   "fp32 fp8e4nv fp8e5 fp8e4b8 fp8e5b16, as in *fp32");
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

/* ---- descriptors ------------------------------------------------------- */

enum { MOST_ELEMENTS = 1 << 20 }; /* TRITON_MAX_TENSOR_NUMEL */

const char *tm_spec_desc_fault(const tm_spec_desc *desc) {
  if (desc->rank < 1 || desc->rank > TM_DESC_MAX_RANK)
    return "a descriptor has 1 to 5 dimensions";
  int64_t n = 1;
  for (uint32_t d = 0; d < desc->rank; d++) {
    int64_t extent = desc->block[d];
    if (extent < 1 || (extent & (extent - 1)))
      return "a descriptor's block has powers of two";
    if (extent > MOST_ELEMENTS / n)
      return "a descriptor's block has at most 1048576 elements";
    n *= extent;
  }
  return NULL;
}

/* "64, 64" into the block. */
static bool read_block(reader *r, tm_str text, tm_spec_desc *out) {
  reader dims = *r;
  dims.at = text.ptr;
  dims.end = text.ptr + text.len;
  while (dims.at < dims.end) {
    tm_str entry = next_entry(&dims);
    tm_const c;
    if (!tm_const_parse(r->arena, entry, &c) || c.kind != TM_CONST_INT ||
        out->rank == TM_DESC_MAX_RANK)
      return out->rank = 0, false;
    out->block[out->rank++] = c.i;
  }
  return out->rank > 0;
}

/* ":nan:tf32" after the type. */
static bool read_desc_options(reader *r, tm_str text, tm_spec_arg *out) {
  while (text.len) {
    const char *from = text.ptr + 1, *end = text.ptr + text.len;
    const char *next = memchr(from, ':', (size_t)(end - from));
    tm_str word = trim((tm_str){from, (size_t)((next ? next : end) - from)});
    if (text.ptr[0] == ':' && word_is(word, "nan"))
      out->desc.pads_nan = true;
    else if (text.ptr[0] == ':' && word_is(word, "tf32") &&
             strcmp(out->type, "fp32") == 0)
      out->desc.rounds_tf32 = true;
    else
      return refuse(r, text.ptr,
                    ":nan pads with NaN, :tf32 rounds fp32 elements to tf32",
                    "unknown option '%.*s' of a descriptor", (int)text.len,
                    text.ptr),
             false;
    text = next ? (tm_str){next, (size_t)(end - next)} : (tm_str){end, 0};
  }
  return true;
}

/* tensordesc<fp16[64, 64]>:nan */
static bool read_descriptor(reader *r, tm_str entry, tm_spec_arg *out) {
  static const char form[] = "descriptors are written tensordesc<fp16[64,64]>";
  const char *end = entry.ptr + entry.len;
  const char *at = entry.ptr + sizeof descriptor_word - 1;
  const char *close = past_bracket(at, end);
  const char *open = memchr(at, '[', entry.len - (size_t)(at - entry.ptr));
  const char *shut = open ? past_bracket(open, close) : NULL;
  if (*at != '<' || !open || close[-1] != '>' || shut[-1] != ']')
    return refuse(r, entry.ptr, form, "'%.*s' is no descriptor",
                  (int)entry.len, entry.ptr),
           false;
  if (trim((tm_str){shut, (size_t)(close - 1 - shut)}).len)
    return refuse(r, shut, "leave it out: layouts are the compiler's to choose",
                  "layouts of descriptors are Gluon's"), false;
  tm_str type = trim((tm_str){at + 1, (size_t)(open - at - 1)});
  *out = (tm_spec_arg){.kind = TM_SPEC_DESCRIPTOR, .type = dtype_of(type)};
  if (!out->type)
    return refuse(r, at + 1, NULL, "unknown element type '%.*s'",
                  (int)type.len, type.ptr),
           false;
  bool read = read_block(
      r, (tm_str){open + 1, (size_t)(shut - open - 2)}, &out->desc);
  const char *fault = tm_spec_desc_fault(&out->desc);
  if (!read || fault)
    return refuse(r, open, form, "%s, got '%.*s'",
                  fault ? fault : "a block is a list of integers",
                  (int)(shut - open), open),
           false;
  return read_desc_options(r, trim((tm_str){close, (size_t)(end - close)}),
                           out);
}

/* ---- tuples -------------------------------------------------------------- */

enum { MOST_DEPTH = 16 }; /* of tuples in tuples */

static bool read_entry(reader *r, tm_str entry, const char *path,
                       tm_spec_arg *out);

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of "name" when text begins with "name ="; else 0. */
static size_t name_length(tm_str text) {
  size_t n = 0;
  while (n < text.len &&
         (text.ptr[n] == '_' || is_letter(text.ptr[n]) ||
          (n && text.ptr[n] >= '0' && text.ptr[n] <= '9')))
    n++;
  size_t at = n;
  while (at < text.len && text.ptr[at] == ' ') at++;
  return at < text.len && text.ptr[at] == '=' ? n : 0;
}

/* One item; its name goes to *name, NULL when it has none. */
static bool read_item(reader *r, tm_str entry, const char *path, uint32_t i,
                      const char **name, tm_spec_arg *out) {
  size_t n = name_length(entry);
  tm_buf inner = tm_buf_in(r->arena);
  tm_buf_printf(&inner, "%s.", path);
  *name = NULL;
  if (n) {
    *name = tm_strndup(r->arena, entry.ptr, n);
    tm_buf_puts(&inner, *name);
    const char *value = memchr(entry.ptr, '=', entry.len);
    value++;
    entry = trim((tm_str){value, entry.len - (size_t)(value - entry.ptr)});
  } else {
    tm_buf_printf(&inner, "%u", i);
  }
  return read_entry(r, entry, tm_buf_text(&inner), out);
}

/* (a, b), (a,), (), (x=a, y=b); Python's lists too. */
static bool read_tuple(reader *r, tm_str entry, const char *path,
                       tm_spec_arg *out) {
  const char *end = entry.ptr + entry.len;
  if (past_bracket(entry.ptr, end) != end ||
      end[-1] != (entry.ptr[0] == '(' ? ')' : ']') || entry.len < 2)
    return refuse(r, entry.ptr, "tuples are written (*fp32, i32, 16)",
                  "'%.*s' does not end with its bracket", (int)entry.len,
                  entry.ptr),
           false;
  if (r->depth == MOST_DEPTH)
    return refuse(r, entry.ptr, NULL, "tuples are nested too deeply"), false;
  TM_VEC(tm_spec_arg) items = {0};
  TM_VEC(const char *) names = {0};
  reader inner = *r;
  inner.depth++;
  inner.at = entry.ptr + 1;
  inner.end = end - 1;
  bool ok = true, named = false;
  while (trim((tm_str){inner.at, (size_t)(inner.end - inner.at)}).len) {
    tm_spec_arg item = {.kind = TM_SPEC_DEFAULT};
    const char *name = NULL;
    ok = read_item(&inner, next_entry(&inner), path, items.len, &name, &item) &&
         ok;
    if (items.len && named != (name != NULL))
      return refuse(r, entry.ptr, NULL,
                    "either all items of a tuple have names or none"),
             false;
    named = name != NULL;
    tm_push(r->arena, &items, item);
    tm_push(r->arena, &names, name);
  }
  *out = (tm_spec_arg){.kind = TM_SPEC_TUPLE, .items = items.data,
                       .n_items = items.len,
                       .names = named ? names.data : NULL};
  return ok;
}

static bool read_plain(reader *r, tm_str entry, tm_spec_arg *out) {
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


static const tm_named_const *const_named(const reader *r, const char *name) {
  for (uint32_t i = 0; i < r->n_consts; i++)
    if (strcmp(r->consts[i].name, name) == 0) return &r->consts[i];
  return NULL;
}

/* Triton's word for a value that it keeps elsewhere. */
static bool read_constexpr(reader *r, tm_str entry, const char *path,
                           tm_spec_arg *out) {
  const tm_named_const *given = const_named(r, path);
  if (!given)
    return refuse(r, entry.ptr, "write its value instead of the word",
                  "the value of '%s' is not given", path),
           false;
  r->used[given - r->consts] = true;
  *out = (tm_spec_arg){.kind = TM_SPEC_CONST, .value = given->value};
  return true;
}

static bool is_word(tm_str entry, const char *word) {
  return tm_str_eq(entry, tm_cstr(word));
}

static bool read_entry(reader *r, tm_str entry, const char *path,
                       tm_spec_arg *out) {
  size_t n = sizeof descriptor_word - 1;
  if (!entry.len)
    return refuse(r, entry.ptr, NULL, "an entry of the signature is empty"),
           false;
  if (is_word(entry, "constexpr")) return read_constexpr(r, entry, path, out);
  if (is_word(entry, "nvTmaDesc"))
    return refuse(r, entry.ptr, "pass a tensordesc<fp16[64,64]> instead",
                  "descriptors in memory are NVIDIA's"),
           false;
  if (strchr("([", entry.ptr[0])) return read_tuple(r, entry, path, out);
  if (entry.ptr[0] == '*') return read_pointer(r, entry, out);
  if (entry.len >= n && memcmp(entry.ptr, descriptor_word, n) == 0)
    return read_descriptor(r, entry, out);
  return read_plain(r, entry, out);
}

/* ---- the signature ----------------------------------------------------- */

/* Every name in consts must be a parameter, or have named an item. */
static bool names_ok(reader *r, const tm_function_def *function) {
  bool ok = true;
  for (uint32_t i = 0; i < r->n_consts; i++) {
    const char *wanted = r->consts[i].name, *nearest = NULL;
    unsigned best = 3; /* edits beyond which a suggestion is noise */
    bool found = r->used[i];
    for (uint32_t p = 0; p < function->params.len; p++) {
      const char *name = function->params.data[p].name;
      unsigned distance = tm_edit_distance(wanted, name, 3);
      if (distance < best) best = distance, nearest = name;
      found = found || strcmp(name, wanted) == 0;
    }
    if (found) continue;
    tm_diag *diag = tm_error_at(r->diags, TM_DIAG_SEMANTIC, function->loc,
                                strchr(wanted, '.')
                                    ? "kernel '%s' has no item '%s' that the "
                                      "signature calls constexpr"
                                    : "kernel '%s' has no parameter named '%s'",
                                function->name, wanted);
    if (nearest) tm_diag_hint(r->diags, diag, "did you mean '%s'?", nearest);
    ok = false;
  }
  return ok;
}

/* Takes the word constexpr, which parameters that are set by name may have
 * for an entry. */
static void skip_constexpr(reader *r) {
  reader ahead = *r;
  if (is_word(next_entry(&ahead), "constexpr")) r->at = ahead.at;
}

static bool no_entry(reader *r, const tm_function_def *function,
                     const tm_param_decl *p) {
  if (p->value) return true;
  tm_diag *diag = tm_error_at(
      r->diags, TM_DIAG_SEMANTIC, p->loc,
      "parameter '%s' of kernel '%s' has no entry in the signature", p->name,
      function->name);
  tm_diag_hint(r->diags, diag,
               "give one entry for each parameter, or set it by name "
               "(-D %s=VALUE)",
               p->name);
  return false;
}

/* Is there an entry left, be it empty? */
static bool has_more(const reader *r) {
  return r->at < r->end || (r->at > r->start && r->at[-1] == ',');
}

tm_spec_arg *tm_signature_parse(tm_arena *arena, tm_diags *diags,
                                const char *signature,
                                const tm_function_def *function,
                                const tm_named_const *consts,
                                uint32_t n_consts) {
  const char *text = tm_strndup(arena, signature, strlen(signature));
  reader r = {.arena = arena, .diags = diags,
              .file = tm_diags_source(diags, "signature", tm_cstr(text)),
              .start = text, .at = text, .end = text + strlen(text),
              .consts = consts, .n_consts = n_consts,
              .used = TM_NEW_ARRAY(arena, bool, n_consts + 1)};
  uint32_t n = function->params.len;
  tm_spec_arg *args = TM_NEW_ARRAY(arena, tm_spec_arg, n + 1);
  bool ok = true, more = trim(tm_cstr(text)).len > 0;
  for (uint32_t p = 0; p < n; p++) {
    const tm_param_decl *param = &function->params.data[p];
    const tm_named_const *given = const_named(&r, param->name);
    if (given) {
      args[p] = (tm_spec_arg){.kind = TM_SPEC_CONST, .value = given->value};
      skip_constexpr(&r);
    } else if (more) {
      ok = read_entry(&r, next_entry(&r), param->name, &args[p]) && ok;
    } else {
      ok = no_entry(&r, function, param) && ok;
    }
    more = more && has_more(&r);
  }
  if (more)
    refuse(&r, r.at, NULL,
           "the signature has more entries than kernel '%s' has parameters "
           "(%u)",
           function->name, n);
  return names_ok(&r, function) && ok && !more ? args : NULL;
}
