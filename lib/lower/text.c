/* SPDX-License-Identifier: MIT */
/*
 * text.c - compile-time strings: f-strings, str.format, %, and the methods
 * that kernels' messages, activation names and type names are tested with.
 *
 * Format specifications are Python's: [[fill]align][sign][0][width][.digits]
 * and the types d x X b o f e g s.
 */
#include "value.h"

#include <ctype.h>
#include <stdio.h>

/* ---- one value by a specification ------------------------------------------- */

typedef struct spec {
  char fill, align, sign, type;
  int width, digits; /* digits: -1 when not given */
  bool alternate;
} spec;

static const char *read_int(const char *p, const char *end, int *out) {
  *out = 0;
  while (p < end && isdigit((unsigned char)*p) && *out < 1000)
    *out = *out * 10 + (*p++ - '0');
  return p;
}

static bool read_spec(tm_str text, spec *s) {
  const char *p = text.ptr, *end = p + text.len;
  *s = (spec){.fill = ' ', .digits = -1};
  if (end - p > 1 && strchr("<>^=", p[1])) s->fill = *p++;
  if (p < end && strchr("<>^=", *p)) s->align = *p++;
  if (p < end && strchr("+- ", *p)) s->sign = *p++;
  if (p < end && *p == '#') s->alternate = true, p++;
  if (p < end && *p == '0') {
    if (!s->align) s->align = '=', s->fill = '0';
    p++;
  }
  p = read_int(p, end, &s->width);
  if (p < end && *p == '.') p = read_int(p + 1, end, &s->digits);
  if (p < end) s->type = *p++;
  return p == end && (!s->type || strchr("dxXbofeEgGs", s->type));
}

static void digits_of(tm_buf *out, tm_wide i, int base, bool upper) {
  char text[130];
  int n = 0;
  do {
    int d = (int)(i % base);
    text[n++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[d < 0 ? -d : d];
    i /= base;
  } while (i);
  while (n) tm_buf_add(out, &text[--n], 1);
}

static bool number_text(tm_buf *out, const spec *s, tm_lv v) {
  char type = s->type;
  if (v->kind != TM_LV_FLOAT && (!type || strchr("dxXbo", type))) {
    tm_wide i = v->kind == TM_LV_INT ? v->i : (tm_wide)v->b;
    digits_of(out, i, type == 'x' || type == 'X' ? 16 : type == 'b' ? 2
                      : type == 'o' ? 8 : 10, type == 'X');
    return true;
  }
  if (type && !strchr("feEgG", type)) return false;
  double f = v->kind == TM_LV_FLOAT ? v->f
             : v->kind == TM_LV_INT ? (double)v->i
                                    : (double)v->b;
  if (f < 0) f = -f;
  if (!type && s->digits < 0) {
    tm_buf_double(out, f, false);
    return true;
  }
  int digits = s->digits < 0 ? 6 : s->digits > 60 ? 60 : s->digits;
  char text[400];
  char how[] = {'%', '.', '*', type ? type : 'g', 0};
  switch (how[3]) {
  case 'f': snprintf(text, sizeof text, "%.*f", digits, f); break;
  case 'e': snprintf(text, sizeof text, "%.*e", digits, f); break;
  case 'E': snprintf(text, sizeof text, "%.*E", digits, f); break;
  case 'G': snprintf(text, sizeof text, "%.*G", digits, f); break;
  default: snprintf(text, sizeof text, "%.*g", digits, f); break;
  }
  tm_buf_puts(out, text);
  return true;
}

static void pad(tm_buf *out, const spec *s, const char *sign, tm_str text,
                char align) {
  size_t have = text.len + strlen(sign);
  size_t more = s->width > (int)have ? (size_t)s->width - have : 0;
  size_t before = align == '>' ? more : align == '^' ? more / 2 : 0;
  for (size_t i = 0; i < before; i++) tm_buf_add(out, &s->fill, 1);
  tm_buf_puts(out, sign);
  if (align == '=')
    for (size_t i = 0; i < more; i++) tm_buf_add(out, &s->fill, 1);
  tm_buf_add(out, text.ptr, text.len);
  if (align == '<' || align == '^')
    for (size_t i = before; i < more; i++) tm_buf_add(out, &s->fill, 1);
}

static void print_repr(tm_low *l, tm_buf *out, tm_lv v) {
  if (v->kind == TM_LV_TEXT) tm_buf_puts(out, "'");
  tm_lv_print(l, out, v);
  if (v->kind == TM_LV_TEXT) tm_buf_puts(out, "'");
}

/* Appends v; false and reported when the specification does not fit. */
static bool format_value(tm_low *l, tm_buf *out, tm_lv v, char conversion,
                         tm_str text) {
  tm_buf body = tm_buf_in(l->arena);
  if (tm_lv_is_poison(v)) return false;
  if (tm_lv_has_run(v)) {
    tm_low_error(l, "tl.device_print prints run-time values",
                 "a string takes only compile-time values, got %s",
                 tm_lv_describe(l, v));
    return false;
  }
  spec s;
  if (!read_spec(text, &s)) {
    tm_low_error(l, NULL, "the format '%.*s' is not understood",
                 (int)text.len, text.ptr);
    return false;
  }
  bool number = tm_lv_is_number(v) && !conversion;
  if (!text.len || !number) {
    if (conversion && conversion != 's')
      print_repr(l, &body, v);
    else
      tm_lv_print(l, &body, v);
    tm_str all = {tm_buf_text(&body), body.len};
    if (s.type && s.type != 's') {
      tm_low_error(l, NULL, "the format '%.*s' is for numbers, got %s",
                   (int)text.len, text.ptr, tm_lv_describe(l, v));
      return false;
    }
    if (s.digits >= 0 && all.len > (size_t)s.digits) all.len = (size_t)s.digits;
    pad(out, &s, "", all, s.align && s.align != '=' ? s.align : '<');
    return true;
  }
  if (!number_text(&body, &s, v)) {
    tm_low_error(l, NULL, "the format '%.*s' does not take %s",
                 (int)text.len, text.ptr, tm_lv_describe(l, v));
    return false;
  }
  bool negative = v->kind == TM_LV_INT ? v->i < 0
                                       : v->kind == TM_LV_FLOAT && v->f < 0;
  char sign[4] = {negative ? '-' : s.sign == '+' || s.sign == ' ' ? s.sign : 0};
  tm_buf whole = tm_buf_in(l->arena);
  tm_buf_puts(&whole, sign);
  if (s.alternate && s.type && strchr("xXbo", s.type))
    tm_buf_printf(&whole, "0%c", s.type);
  pad(out, &s, tm_buf_text(&whole), (tm_str){tm_buf_text(&body), body.len},
      s.align ? s.align : '>');
  return true;
}

/* ---- f-strings and format ---------------------------------------------------- */

static bool fstring_pieces(tm_low *l, const tm_exprs *pieces, tm_buf *out) {
  for (uint32_t i = 0; i < pieces->len; i++) {
    const tm_expr *piece = pieces->data[i];
    if (piece->kind == TM_EXPR_STRING) {
      tm_buf_add(out, piece->text.ptr, piece->text.len);
      continue;
    }
    tm_lv v = tm_low_expr(l, piece->a[0]);
    tm_buf spec_text = tm_buf_in(l->arena);
    if (piece->has_spec && !fstring_pieces(l, &piece->items, &spec_text))
      return false;
    if (!format_value(l, out, v, piece->conversion,
                      (tm_str){tm_buf_text(&spec_text), spec_text.len}))
      return false;
  }
  return true;
}

tm_lv tm_text_fstring(tm_low *l, const tm_expr *e) {
  tm_buf out = tm_buf_in(l->arena);
  if (!fstring_pieces(l, &e->items, &out)) return TM_POISONED;
  return tm_lv_text(l, tm_buf_text(&out), out.len);
}

/* "{} {1} {:>4}".format(...): positions, no names inside. */
static tm_lv fn_format(tm_low *l, const tm_builtin_call *c) {
  tm_str text = c->args[0]->text;
  tm_lv given = c->args[1];
  tm_buf out = tm_buf_in(l->arena);
  uint32_t next = 0;
  for (size_t i = 0; i < text.len; i++) {
    char ch = text.ptr[i];
    bool twice = i + 1 < text.len && text.ptr[i + 1] == ch;
    if ((ch == '{' || ch == '}') && twice) i++;
    if (ch != '{' || twice) {
      tm_buf_add(&out, &ch, 1);
      continue;
    }
    size_t end = ++i;
    while (end < text.len && text.ptr[end] != '}') end++;
    int at = (int)next;
    const char *p = text.ptr + i, *stop = text.ptr + end;
    if (p < stop && isdigit((unsigned char)*p))
      p = read_int(p, stop, &at);
    else
      next++;
    char conversion = 0;
    if (stop - p > 1 && *p == '!') conversion = p[1], p += 2;
    if (p < stop && *p != ':')
      return tm_low_error(l, "write an f-string",
                          "names in a format string are not supported");
    if (p < stop) p++;
    if (at < 0 || (uint32_t)at >= given->n_items)
      return tm_low_error(l, NULL, "the format string asks for value %d of %u",
                          at, given->n_items);
    if (!format_value(l, &out, given->items[at], conversion,
                      (tm_str){p, (size_t)(stop - p)}))
      return TM_POISONED;
    i = end;
  }
  return tm_lv_text(l, tm_buf_text(&out), out.len);
}

tm_lv tm_text_percent(tm_low *l, tm_lv text, tm_lv v) {
  const tm_lv *items = v->kind == TM_LV_TUPLE ? v->items : &v;
  uint32_t n = v->kind == TM_LV_TUPLE ? v->n_items : 1, used = 0;
  tm_buf out = tm_buf_in(l->arena);
  for (size_t i = 0; i < text->text.len; i++) {
    const char *p = text->text.ptr + i;
    bool more = i + 1 < text->text.len;
    if (*p != '%' || (more && p[1] == '%')) {
      tm_buf_add(&out, p, 1);
      i += *p == '%';
      continue;
    }
    size_t end = ++i;
    while (end < text->text.len && strchr("0123456789.-+", text->text.ptr[end]))
      end++;
    if (end >= text->text.len || !strchr("dsrfgeixX", text->text.ptr[end]))
      return tm_low_error(l, "write an f-string",
                          "this %% format is not supported");
    if (used >= n)
      return tm_low_error(l, NULL, "%% asks for more than %u values", n);
    char type = text->text.ptr[end];
    tm_buf how = tm_buf_in(l->arena);
    tm_buf_add(&how, text->text.ptr + i, end - i);
    if (strchr("di", type)) tm_buf_puts(&how, "d");
    else if (!strchr("sr", type)) tm_buf_add(&how, &type, 1);
    if (!format_value(l, &out, items[used++], strchr("sr", type) ? type : 0,
                      (tm_str){tm_buf_text(&how), how.len}))
      return TM_POISONED;
    i = end;
  }
  if (used < n && v->kind == TM_LV_TUPLE)
    return tm_low_error(l, NULL, "%% is given %u values for %u", n, used);
  return tm_lv_text(l, tm_buf_text(&out), out.len);
}

/* ---- methods --------------------------------------------------------------------- */

static bool part_at(tm_str text, size_t at, tm_str part) {
  return at + part.len <= text.len &&
         (!part.len || memcmp(text.ptr + at, part.ptr, part.len) == 0);
}

/* aux: 0 startswith, 1 endswith; a tuple means any of. */
static tm_lv fn_affix(tm_low *l, const tm_builtin_call *c) {
  tm_str text = c->args[0]->text;
  const tm_lv *items = &c->args[1];
  uint32_t n = 1;
  if (c->args[1]->kind == TM_LV_TUPLE) {
    items = c->args[1]->items;
    n = c->args[1]->n_items;
  }
  for (uint32_t i = 0; i < n; i++) {
    const char *part;
    if (!tm_want_text(l, items[i], c->row->name, &part) || !part)
      return TM_POISONED;
    tm_str p = tm_cstr(part);
    if (p.len <= text.len &&
        part_at(text, c->row->aux ? text.len - p.len : 0, p))
      return tm_lv_bool(true);
  }
  return tm_lv_bool(false);
}

/* aux: 0 lower, 1 upper. */
static tm_lv fn_case(tm_low *l, const tm_builtin_call *c) {
  tm_str text = c->args[0]->text;
  char *copy = tm_strndup(l->arena, text.ptr, text.len);
  for (size_t i = 0; i < text.len; i++) {
    unsigned char ch = (unsigned char)copy[i];
    if (ch < 128) copy[i] = (char)(c->row->aux ? toupper(ch) : tolower(ch));
  }
  return tm_lv_text(l, copy, text.len);
}

static tm_lv fn_strip(tm_low *l, const tm_builtin_call *c) {
  tm_str t = c->args[0]->text;
  while (t.len && isspace((unsigned char)t.ptr[0])) t.ptr++, t.len--;
  while (t.len && isspace((unsigned char)t.ptr[t.len - 1])) t.len--;
  return tm_lv_text(l, t.ptr, t.len);
}

static tm_lv fn_replace(tm_low *l, const tm_builtin_call *c) {
  tm_str text = c->args[0]->text;
  const char *from, *to;
  if (!tm_want_text(l, c->args[1], "replace", &from) || !from ||
      !tm_want_text(l, c->args[2], "replace", &to) || !to)
    return TM_POISONED;
  tm_buf out = tm_buf_in(l->arena);
  for (size_t i = 0; i < text.len;) {
    if (*from && part_at(text, i, tm_cstr(from))) {
      tm_buf_puts(&out, to);
      i += strlen(from);
    } else {
      tm_buf_add(&out, text.ptr + i++, 1);
    }
  }
  return tm_lv_text(l, tm_buf_text(&out), out.len);
}

static tm_lv fn_split(tm_low *l, const tm_builtin_call *c) {
  tm_str text = c->args[0]->text;
  const char *by;
  if (!tm_want_text(l, c->args[1], "split", &by)) return TM_POISONED;
  tm_lv_list parts = {0};
  size_t from = 0;
  for (size_t i = 0; i <= text.len; i++) {
    bool end = i == text.len;
    bool cut = end || (by && *by ? part_at(text, i, tm_cstr(by))
                                 : isspace((unsigned char)text.ptr[i]) != 0);
    if (!cut) continue;
    if ((by && *by) || i > from)
      tm_push(l->arena, &parts, tm_lv_text(l, text.ptr + from, i - from));
    from = i + (by && *by ? strlen(by) : 1);
    if (!end && by && *by) i = from - 1;
  }
  return tm_lv_tuple(l, parts.data, parts.len);
}

static tm_lv fn_join(tm_low *l, const tm_builtin_call *c) {
  tm_lv_list items = {0};
  tm_buf out = tm_buf_in(l->arena);
  if (!tm_low_items(l, c->args[1], &items))
    return tm_low_error(l, NULL, "join takes a tuple of strings, got %s",
                        tm_lv_describe(l, c->args[1]));
  for (uint32_t i = 0; i < items.len; i++) {
    const char *part;
    if (!tm_want_text(l, items.data[i], "an item of join", &part) || !part)
      return TM_POISONED;
    if (i) tm_buf_add(&out, c->args[0]->text.ptr, c->args[0]->text.len);
    tm_buf_puts(&out, part);
  }
  return tm_lv_text(l, tm_buf_text(&out), out.len);
}

static const tm_builtin methods[] = {
  {.name = "startswith", .signature = "self, prefix", .fn = fn_affix},
  {.name = "endswith", .signature = "self, suffix", .fn = fn_affix, .aux = 1},
  {.name = "lower", .signature = "self", .fn = fn_case},
  {.name = "upper", .signature = "self", .fn = fn_case, .aux = 1},
  {.name = "strip", .signature = "self", .fn = fn_strip},
  {.name = "replace", .signature = "self, old, new", .fn = fn_replace},
  {.name = "split", .signature = "self, sep=None", .fn = fn_split},
  {.name = "join", .signature = "self, items", .fn = fn_join},
  {.name = "format", .signature = "self, *values", .fn = fn_format},
};

tm_lv tm_text_method(tm_low *l, tm_lv v, const char *name, tm_nearest *near) {
  for (size_t i = 0; i < TM_COUNT(methods); i++) {
    if (strcmp(methods[i].name, name) == 0)
      return tm_builtin_bound(l, &methods[i], v);
    tm_nearest_try(near, methods[i].name);
  }
  return NULL;
}
