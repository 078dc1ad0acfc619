/* SPDX-License-Identifier: MIT */
/*
 * report.c - errors of lowering, and the limits that bound its work.
 *
 * An error in an inlined function is reported where it is, followed by notes
 * that name the calls that led there. Code of the prelude is not the user's:
 * while it is lowered, places are those of the user's call.
 */
#include "value.h"

enum {
  MOST_STEPS = 4000000, /* statements and expressions: unrolled loops that
                           need more would make source no GPU compiler takes */
  DEEPEST = 1500        /* nested C calls; each takes a few hundred bytes */
};

const char *tm_low_format(tm_low *l, const char *fmt, ...) {
  tm_buf out = tm_buf_in(l->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&out, fmt, args);
  va_end(args);
  return tm_buf_text(&out);
}

static tm_lv report(tm_low *l, tm_loc loc, tm_diag_kind kind,
                    const char *hint, const char *fmt, va_list args) {
  if (l->quiet || l->stopped) {
    l->hushed++;
    return TM_POISONED;
  }
  tm_buf text = tm_buf_in(l->arena);
  tm_buf_vprintf(&text, fmt, args);
  /* An unrolled loop, or a function called twice, finds a mistake again. */
  l->repeats = tm_diags_has(l->diags, loc, tm_buf_text(&text));
  if (l->repeats) return TM_POISONED;
  tm_diag *diag = tm_error_at(l->diags, kind, loc, "%s", tm_buf_text(&text));
  if (hint) tm_diag_hint(l->diags, diag, "%s", hint);
  enum { MOST_NOTES = 8 };
  int notes = 0;
  for (tm_frame *f = l->frame; f && f->caller && notes < MOST_NOTES;
       f = f->caller) {
    if (!f->function || f->is_prelude || !f->call_loc.file) continue;
    tm_note_at(l->diags, f->call_loc, "in %s, called from here",
               f->function->name);
    notes++;
  }
  return TM_POISONED;
}

tm_lv tm_low_error(tm_low *l, const char *hint, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_lv v = report(l, l->b.loc, TM_DIAG_SEMANTIC, hint, fmt, args);
  va_end(args);
  return v;
}

tm_lv tm_low_error_at(tm_low *l, tm_loc loc, tm_diag_kind kind,
                      const char *hint, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_lv v = report(l, l->pinned.file ? l->pinned : loc, kind, hint, fmt, args);
  va_end(args);
  return v;
}

tm_lv tm_low_unsupported(tm_low *l, const char *hint, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_lv v = report(l, l->b.loc, TM_DIAG_UNSUPPORTED, hint, fmt, args);
  va_end(args);
  return v;
}

void tm_low_origins(tm_low *l, tm_lv a, tm_lv b) {
  if (l->quiet || l->stopped || l->repeats) return;
  tm_lv both[2] = {a, b};
  for (int i = 0; i < 2; i++) {
    if (!tm_lv_is_run(both[i])) continue;
    const tm_value_data *data = tm_val(l->ir, both[i]->value);
    if (!data->def) continue; /* a parameter, or what a loop carries */
    tm_loc loc = tm_get(l->ir, data->def)->loc;
    bool here = loc.file == l->b.loc.file && loc.line == l->b.loc.line;
    if (!loc.line || here) continue;
    tm_note_at(l->diags, loc, "%s%s%s is made here",
               data->name ? data->name : "", data->name ? ", " : "",
               tm_lt_text(l, both[i]->type));
  }
}

tm_loc tm_low_at(tm_low *l, tm_loc loc) {
  tm_loc old = l->b.loc;
  if (l->pinned.file)
    l->b.loc = l->pinned;
  else if (loc.line)
    l->b.loc = loc;
  return old;
}

bool tm_low_enter(tm_low *l) {
  if (l->stopped) return false;
  if (l->depth >= DEEPEST || l->steps >= MOST_STEPS) {
    bool deep = l->depth >= DEEPEST;
    l->quiet = 0;
    tm_low_error_at(l, l->b.loc, TM_DIAG_LIMIT,
                    deep ? "split the expression or the function"
                         : "make the loop a run-time loop: range, not "
                           "tl.static_range",
                    deep ? "code is nested too deeply"
                         : "the kernel unrolls to too much code");
    l->stopped = true;
    return false;
  }
  l->steps++;
  l->depth++;
  return true;
}

void tm_nearest_try(tm_nearest *n, const char *name) {
  /* A third of the letters may differ: "relu" must not suggest "rand", nor a
   * letter another. */
  unsigned most = (unsigned)(strlen(n->wanted) + 1) / 3;
  if (n->best && n->distance <= most) most = n->distance;
  unsigned d = tm_edit_distance(n->wanted, name, most);
  if (d > most || (n->best && d >= n->distance)) return;
  n->best = name;
  n->distance = d;
}
