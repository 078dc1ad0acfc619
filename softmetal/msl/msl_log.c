/* SPDX-License-Identifier: MIT */
/*
 * msl_log.c - shader logging (spec 6.19, <metal_logging>, MSL 3.2):
 *
 *   constant os_log logger("subsystem", "category");
 *   logger.log_info("i = %u, v = %v4f", i, v);
 *   os_log_default.log("%d", n);
 *
 * The format must be a literal; its conversions are checked against the
 * arguments here, so that who prints them need not. Arguments arrive as the
 * C rules for variadic calls leave them: integers of less than 32 bits as int
 * or uint, half and bfloat as float; vectors likewise, element by element.
 */
#include "front.h"

static const struct {
  const char *method;
  sm_log_level level;
} levels[] = {
  {"log", SM_LOG_DEFAULT}, {"log_debug", SM_LOG_DEBUG},
  {"log_info", SM_LOG_INFO}, {"log_error", SM_LOG_ERROR},
  {"log_fault", SM_LOG_FAULT},
};

const sm_type *sm_log_type(sm_parser *p) {
  return p->has_logging && p->version >= 320 ? p->log_type : NULL;
}

/* The text of a string literal, and of those that follow it, with its
 * escapes undone; NULL (reported) if there is none. */
static const char *take_string(sm_parser *p, const char *what) {
  tm_buf text = tm_buf_in(p->arena);
  if (p->t->kind != SM_TK_STRING) {
    sm_error(p, p->t->loc, "%s must be a string literal", what);
    return NULL;
  }
  for (; p->t->kind == SM_TK_STRING; sm_skip(p)) {
    const sm_token *t = p->t;
    for (uint32_t i = 1; i + 1 < t->len; i++) {
      char c = t->text[i];
      if (c == '\\' && i + 2 < t->len) {
        c = t->text[++i];
        if (c == 'n') c = '\n';
        else if (c == 't') c = '\t';
        else if (c != '\\' && c != '"' && c != '\'') {
          sm_unsupported(p, t->loc, "escape '\\%c' is not supported in a "
                         "log message", c);
          return NULL;
        }
      }
      tm_buf_add(&text, &c, 1);
    }
  }
  return tm_buf_text(&text);
}

sm_log *sm_parse_logger(sm_parser *p) {
  sm_log *log = TM_NEW(p->arena, sm_log);
  if (!sm_expect(p, SM_P_LPAREN, "after the name of an os_log")) return NULL;
  log->subsystem = take_string(p, "the subsystem of an os_log");
  if (!log->subsystem || !sm_expect(p, SM_P_COMMA, "after the subsystem"))
    return NULL;
  log->category = take_string(p, "the category of an os_log");
  if (!log->category || !sm_expect(p, SM_P_RPAREN, "after the category"))
    return NULL;
  return log;
}

/* ---- conversions ------------------------------------------------------ */

static sm_expr *bad_format(sm_parser *p, tm_loc loc, const char *what) {
  sm_error(p, loc, "invalid format of a log message: %s", what);
  return sm_error_expr(p, loc);
}

/* An argument as a variadic call passes it. */
static sm_expr *promote(sm_parser *p, sm_expr *e) {
  const sm_type *t = sm_value_type(p, e);
  if (t->kind == SM_T_POINTER && t->space != SM_THREAD)
    return sm_explicit_cast(p, e, p->scalars[SM_ULONG], SM_CAST_C, e->loc);
  sm_scalar s = t->scalar;
  bool shaped = (sm_is_scalar(t) || t->kind == SM_T_VECTOR ||
                 t->kind == SM_T_ENUM) && t != p->null_type;
  if (!shaped) {
    sm_error(p, e->loc, "cannot log a value of type '%s'", t->spelling);
    return sm_error_expr(p, e->loc);
  }
  if (sm_is_floating(s)) s = SM_FLOAT;
  else if (s < SM_INT) s = s == SM_UCHAR || s == SM_USHORT ? SM_UINT : SM_INT;
  uint32_t n = t->kind == SM_T_VECTOR ? t->count : 1;
  return sm_explicit_cast(p, e, sm_type_vector(p, s, n, false), SM_CAST_C,
                          e->loc);
}

/* Reads one conversion after '%'; *f moves after it. False if it is none
 * that Metal has. *count: of its vector, else 1; *kind: 'd', 'u' or 'f'. */
static bool read_conversion(const char **f, uint32_t *count, char *kind) {
  const char *s = *f;
  *count = 1;
  while (*s && strchr("-+ #0", *s)) s++;
  while (*s >= '0' && *s <= '9') s++;
  if (*s == '.') s++;
  while (*s >= '0' && *s <= '9') s++;
  if (*s == 'v') {
    if (s[1] < '2' || s[1] > '4') return false;
    *count = (uint32_t)(s[1] - '0');
    s += 2;
  }
  while (*s == 'h' || *s == 'l') s++;
  if (!*s) return false;
  *kind = strchr("di", *s) ? 'd' : strchr("uxXoc", *s) ? 'u'
          : strchr("fFeEgGaA", *s) ? 'f' : *s == 'p' ? 'p' : 0;
  *f = s + 1;
  return *kind != 0;
}

static bool fits(const sm_type *t, uint32_t count, char kind) {
  if ((t->kind == SM_T_VECTOR ? t->count : 1) != count) return false;
  return kind == 'f' ? sm_is_floating(t->scalar) : !sm_is_floating(t->scalar);
}

static sm_expr *check_format(sm_parser *p, const char *format,
                             const sm_exprs *args, tm_loc loc) {
  uint32_t used = 0;
  for (const char *f = format; *f;) {
    if (*f++ != '%') continue;
    if (*f == '%') {
      f++;
      continue;
    }
    uint32_t count;
    char kind;
    if (!read_conversion(&f, &count, &kind))
      return bad_format(p, loc, "a conversion that is not d i u x X o c f e g "
                        "a or p, perhaps with a vector's v2, v3 or v4");
    if (used == args->len)
      return bad_format(p, loc, "more conversions than arguments");
    const sm_expr *e = args->data[used++];
    if (fits(e->type, count, kind)) continue;
    sm_error(p, e->loc, "argument %u of the log message has type '%s', which "
             "its conversion does not fit", used, e->type->spelling);
    return sm_error_expr(p, loc);
  }
  if (used < args->len)
    return bad_format(p, loc, "more arguments than conversions");
  return NULL;
}

/* logger.log("...", args): after '('. */
sm_expr *sm_parse_log(sm_parser *p, const sm_expr *logger, tm_name method,
                      tm_loc loc) {
  sm_exprs args = {0};
  const sm_log *base = logger->u.var->log;
  size_t row = 0;
  while (row < TM_COUNT(levels) && strcmp(levels[row].method, method) != 0)
    row++;
  tm_loc at = p->t->loc;
  const char *format = take_string(p, "the format of a log message");
  if (!format) {
    sm_parse_arguments(p, &args);
    return sm_error_expr(p, loc);
  }
  bool ended = sm_accept(p, SM_P_COMMA)
                   ? sm_parse_arguments(p, &args)
                   : sm_expect(p, SM_P_RPAREN, "after the log message");
  if (!ended) return sm_error_expr(p, loc);
  if (!base && logger->u.var != p->default_log) {
    sm_unsupported(p, loc, "a reference to an os_log is not supported: name "
                   "the variable itself");
    return sm_error_expr(p, loc);
  }
  if (row == TM_COUNT(levels)) {
    sm_error(p, loc, "no member function named '%s' in 'os_log'", method);
    return sm_error_expr(p, loc);
  }
  for (uint32_t i = 0; i < args.len; i++) {
    if (sm_is_error(p, args.data[i])) return args.data[i];
    args.data[i] = promote(p, args.data[i]);
    if (sm_is_error(p, args.data[i])) return args.data[i];
  }
  sm_expr *bad = check_format(p, format, &args, at);
  if (bad) return bad;
  sm_expr *e = sm_node_args(p, SM_BUILTIN, p->scalars[SM_VOID], loc, &args);
  if (sm_is_error(p, e)) return e;
  sm_log *log = TM_NEW(p->arena, sm_log);
  if (base) *log = *base;
  log->level = levels[row].level;
  log->format = format;
  e->u.builtin = SM_B_OS_LOG;
  e->log = log;
  return e;
}
