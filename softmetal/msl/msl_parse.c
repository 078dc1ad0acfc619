/* SPDX-License-Identifier: MIT */
/*
 * msl_parse.c - the front end's door, and what every msl_*.c uses: tokens,
 * errors, recovery.
 */
#include "front.h"

enum {
  LARGEST_SOURCE = 16 << 20, /* bytes; offsets and columns stay in 32 bits */
  ALL_ROWS = 1 << 16,
  RIGHT_ROWS = 8 /* of products by tensor operations, with SM_WRONG_TENSORS */
};

static tm_diag *report(sm_parser *p, tm_diag_kind kind, tm_loc loc,
                       const char *fmt, va_list args) {
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_vprintf(&text, fmt, args);
  return tm_error_at(p->diags, kind, loc, "%s", tm_buf_text(&text));
}

tm_diag *sm_error(sm_parser *p, tm_loc loc, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_diag *diag = report(p, TM_DIAG_SEMANTIC, loc, fmt, args);
  va_end(args);
  return diag;
}

tm_diag *sm_unsupported(sm_parser *p, tm_loc loc, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_diag *diag = report(p, TM_DIAG_UNSUPPORTED, loc, fmt, args);
  va_end(args);
  return diag;
}

void sm_hint(sm_parser *p, tm_diag *diag, const char *fmt, ...) {
  tm_buf text = tm_buf_in(p->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&text, fmt, args);
  va_end(args);
  diag->hint = tm_buf_text(&text);
}

bool sm_expect(sm_parser *p, sm_punct punct, const char *where) {
  static const char *const text[] = {
#define SM_ROW(id, text) text,
    SM_PUNCTS(SM_ROW)
#undef SM_ROW
  };
  if (sm_accept(p, punct)) return true;
  if (p->gave_up) return false;
  const sm_token *t = p->t;
  if (t->kind == SM_TK_END)
    tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                "expected '%s' %s, got the end of the source", text[punct],
                where);
  else if (t->kind == SM_TK_OTHER)
    tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                "expected '%s' %s, got a stray character", text[punct],
                where);
  else
    tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                "expected '%s' %s before '%.*s'", text[punct], where,
                (int)(t->len < 40 ? t->len : 40), t->text);
  return false;
}

bool sm_enter(sm_parser *p) {
  if (++p->nesting <= SM_MOST_NESTING) return !p->gave_up;
  if (!p->gave_up)
    tm_error_at(p->diags, TM_DIAG_LIMIT, p->t->loc,
                "the program is nested too deeply here");
  p->gave_up = true;
  p->t = p->end; /* everything above finds the end and unwinds */
  return false;
}

void sm_skip_balanced(sm_parser *p) {
  uint32_t depth = 0;
  do {
    if (sm_at(p, SM_P_LPAREN) || sm_at(p, SM_P_LBRACE) ||
        sm_at(p, SM_P_LSQUARE))
      depth++;
    if (sm_at(p, SM_P_RPAREN) || sm_at(p, SM_P_RBRACE) ||
        sm_at(p, SM_P_RSQUARE))
      depth--;
    sm_skip(p);
  } while (depth && p->t < p->end);
}

void sm_recover(sm_parser *p) {
  while (p->t < p->end) {
    if (sm_accept(p, SM_P_SEMI)) return;
    if (sm_at(p, SM_P_RBRACE)) return;
    bool block = sm_at(p, SM_P_LBRACE);
    if (block || sm_at(p, SM_P_LPAREN) || sm_at(p, SM_P_LSQUARE)) {
      sm_skip_balanced(p);
      if (block) {
        sm_accept(p, SM_P_SEMI);
        return;
      }
    } else {
      sm_skip(p);
    }
  }
}

/* '>>' becomes '>' and '>': only the parser knows which is meant. */
static void split_shifts(sm_parser *p, sm_tokens *tokens) {
  sm_tokens out = {0};
  uint32_t shifts = 0;
  for (uint32_t i = 0; i < tokens->len; i++)
    shifts += sm_token_is(&tokens->data[i], SM_P_SHR);
  if (!shifts) return;
  for (uint32_t i = 0; i < tokens->len; i++) {
    sm_token t = tokens->data[i];
    bool shift = sm_token_is(&t, SM_P_SHR);
    if (shift) {
      t.punct = SM_P_GT;
      t.len = 1;
    }
    tm_push(p->arena, &out, t);
    if (!shift) continue;
    t.text++;
    t.loc.col++;
    t.second = true;
    t.spaced = t.first = false;
    tm_push(p->arena, &out, t);
  }
  *tokens = out;
}

/* Gives every name its keyword; reports bytes that are no token. */
static void classify(sm_parser *p, sm_tokens *tokens) {
  for (uint32_t i = 0; i < tokens->len; i++) {
    sm_token *t = &tokens->data[i];
    uint64_t word;
    if (t->kind == SM_TK_NAME &&
        tm_map_get(&p->keywords, TM_KEY(t->name), &word))
      t->keyword = (uint8_t)word;
    if (t->kind != SM_TK_OTHER) continue;
    unsigned char c = (unsigned char)t->text[0];
    if (c == '"' || c == '\'')
      tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                  "missing terminating %c character", c);
    else if (t->len > 1)
      tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                  "a line continuation inside a token is not supported");
    else if (c > 0x20 && c < 0x7f)
      tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                  "stray '%c' in the program", c);
    else
      tm_error_at(p->diags, TM_DIAG_SYNTAX, t->loc,
                  "stray byte 0x%02x in the program", c);
  }
}

/* What the text of tensor_header.c knows of the thread that runs it. */
static void bind_tensor_inputs(sm_parser *p) {
  static const struct { const char *name; sm_builtin_input input; } inputs[] = {
    {"__thread", SM_IN_THREAD_INDEX_IN_THREADGROUP},
    {"__simdgroups", SM_IN_SIMDGROUPS_PER_THREADGROUP},
  };
  for (size_t i = 0; i < TM_COUNT(inputs); i++) {
    tm_name name = tm_intern_cstr(p->names, inputs[i].name);
    tm_loc loc = {0, 0, 0};
    sm_symbol *s = sm_bind(p, SM_SYM_VAR, name, loc);
    if (!s) continue;
    s->var = sm_new_var(p, SM_V_INPUT, name, p->scalars[SM_UINT], loc);
    s->var->input = inputs[i].input;
    s->var->is_const = true;
  }
  tm_name rows = tm_intern_cstr(p->names, "__right_rows");
  sm_symbol *s = sm_bind(p, SM_SYM_ENUMERATOR, rows, (tm_loc){0, 0, 0});
  if (!s) return;
  s->type = p->scalars[SM_INT];
  s->value = ALL_ROWS;
  for (uint32_t i = 0; i < p->options->n_macros; i++)
    if (strcmp(p->options->macros[i].name, SM_WRONG_TENSORS) == 0)
      s->value = RIGHT_ROWS;
}

sm_program *sm_parse(tm_arena *arena, tm_diags *diags, tm_str text,
                     const sm_parse_options *options) {
  uint32_t errors = diags->errors;
  uint32_t file = tm_diags_source(diags, "program_source", text);
  if (text.len > LARGEST_SOURCE) {
    tm_error_at(diags, TM_DIAG_LIMIT, (tm_loc){file, 1, 1},
                "the source is larger than %d bytes", LARGEST_SOURCE);
    return NULL;
  }
  sm_parser *p = TM_NEW(arena, sm_parser);
  tm_names *names = TM_NEW(arena, tm_names);
  tm_names_init(names, arena);
  p->arena = arena;
  p->diags = diags;
  p->names = names;
  p->options = options;
  p->version = (options->language_version >> 16) * 100 +
               (options->language_version & 0xffff) * 10;
  p->math = options->math_mode;
  p->contract = true; /* on in safe mode, fast in the others: spec 1.6.3 */
  p->program = TM_NEW(arena, sm_program);
  p->program->arena = arena;
  p->program->math_mode = options->math_mode;
  sm_preprocessed input =
      sm_preprocess(arena, diags, names, text, file, options);
  p->has_stdlib = input.has_stdlib;
  p->has_logging = input.has_logging;
  p->has_simd = input.has_simd;
  p->has_tensor = input.has_tensor;
  sm_types_init(p);
  sm_names_setup(p);
  if (p->has_tensor) bind_tensor_inputs(p);
  classify(p, &input.tokens);
  split_shifts(p, &input.tokens);
  p->t = input.tokens.data;
  p->end = p->t + input.tokens.len - 1;
  if (diags->errors == errors) { /* a broken macro makes noise below */
    sm_parse_file(p);
    if (!p->gave_up) sm_check_calls(p);
    if (p->has_broken && diags->errors == errors)
      tm_error_at(diags, TM_DIAG_SEMANTIC, p->end->loc,
                  "an instance of a template that only a declaration needs "
                  "has errors");
  }
  return diags->errors == errors ? p->program : NULL;
}
