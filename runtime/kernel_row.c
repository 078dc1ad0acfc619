/* SPDX-License-Identifier: MIT */
/*
 * kernel_row.c - a compiled kernel as bytes.
 *
 *     u32 magic, format | u32 fields ... | text | text | arguments
 *
 * Numbers are 32 bits, little-endian; text is its length and its bytes. The
 * reader takes nothing on trust: a row is untouched by checksum errors, but
 * may come from another program that writes the same file, so that anything
 * out of place makes it a miss.
 */
#include "kernel_row.h"

enum {
  MAGIC = 0x314b4d54,  /* "TMK1" */
  FORMAT = 2,          /* raised when the fields change */
  MOST_ARGS = 1024,    /* more than people write; addresses count, too */
  MOST_SITES = 65536,  /* operands of prints and assertions */
  MOST_TEXT = 32 << 20,
  MOST_SCALARS = 4096, /* setBytes:length:atIndex: */
  MOST_SLOT = 30,
  MOST_THREADS = 1024,
  MOST_THREADGROUP = 32768,
  NEWEST_FAMILY = 16   /* beyond any GPU that is known of */
};

uint32_t tm_program_scalar_size(tm_scalar scalar) {
  switch (scalar) {
    case TM_I1: case TM_I8: case TM_FP8E4NV: case TM_FP8E5: case TM_FP8E4B8:
    case TM_FP8E5B16: case TM_FP8E4B15:
      return 1;
    case TM_I16: case TM_F16: case TM_BF16:
      return 2;
    case TM_I32: case TM_F32:
      return 4;
    case TM_I64: case TM_F64:
      return 8;
    default:
      return 0;
  }
}

/* ---- judging ------------------------------------------------------------ */

static bool buffers_are_sound(const tm_program *p) {
  uint32_t taken = 0;
  if (p->uses_log && p->log_slot > MOST_SLOT) return false;
  if (p->uses_log) taken = 1u << p->log_slot;
  for (uint32_t i = 0; i <= p->n_args; i++) {
    uint32_t slot;
    if (i == p->n_args) {
      if (!p->scalars_size) break;
      slot = p->scalars_slot;
    } else if (p->args[i].kind == TM_ARG_BUFFER) {
      slot = p->args[i].slot;
    } else {
      continue;
    }
    if (slot > MOST_SLOT || taken & 1u << slot) return false;
    taken |= 1u << slot;
  }
  return true;
}

/* Bytes of the argument's field in the constant struct. */
static uint32_t field_size(const tm_msl_arg *arg) {
  return arg->kind == TM_ARG_ADDRESS ? 8 : tm_program_scalar_size(arg->scalar);
}

/* Offsets grow, as the fields of a struct do. */
static bool scalars_are_sound(const tm_program *p) {
  uint32_t end = 0;
  for (uint32_t i = 0; i < p->n_args; i++) {
    const tm_msl_arg *arg = &p->args[i];
    if (arg->kind == TM_ARG_BUFFER) continue;
    uint32_t size = field_size(arg);
    if (!size || arg->offset % size || arg->offset < end) return false;
    if (arg->offset > p->scalars_size || size > p->scalars_size - arg->offset)
      return false;
    end = arg->offset + size;
  }
  return p->scalars_size <= MOST_SCALARS && p->scalars_size % 4 == 0;
}

static bool sites_are_sound(const tm_program *p) {
  for (uint32_t i = 0; i < p->n_sites; i++) {
    const tm_msl_site *site = &p->sites[i];
    if (site->rank > TM_MAX_RANK) return false;
    for (uint32_t d = 0; d < site->rank; d++)
      if (site->shape[d] == 0) return false;
  }
  return p->uses_log || p->n_sites == 0;
}

static bool is_identifier(const char *text) {
  if (!*text || (*text >= '0' && *text <= '9')) return false;
  for (; *text; text++) {
    char c = *text;
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '_';
    if (!letter) return false;
  }
  return true;
}

bool tm_program_is_sound(const tm_program *p) {
  return p->msl_size && strlen(p->msl) == p->msl_size &&
         is_identifier(p->entry) && p->num_warps &&
         p->num_warps <= MOST_THREADS / 32 &&
         p->threads == 32 * p->num_warps &&
         p->threadgroup_bytes <= MOST_THREADGROUP &&
         p->family <= NEWEST_FAMILY && p->language_version >> 16 >= 2 &&
         p->language_version >> 16 <= 16 && buffers_are_sound(p) &&
         sites_are_sound(p) && scalars_are_sound(p);
}

/* ---- writing ------------------------------------------------------------ */

static void put(tm_buf *out, uint32_t x) {
  char bytes[4] = {(char)(x & 0xff), (char)(x >> 8 & 0xff),
                   (char)(x >> 16 & 0xff), (char)(x >> 24 & 0xff)};
  tm_buf_add(out, bytes, 4);
}

static void put_text(tm_buf *out, const char *text, size_t n) {
  put(out, (uint32_t)n);
  tm_buf_add(out, text, n);
}

static void put_site(tm_buf *out, const tm_msl_site *site) {
  put(out, (uint32_t)site->is_assert | (uint32_t)site->hex << 1 |
               (uint32_t)site->is_signed << 2);
  put_text(out, site->text, strlen(site->text));
  put(out, site->operand);
  put(out, site->n_operands);
  put(out, (uint32_t)site->scalar);
  put(out, site->rank);
  for (uint32_t d = 0; d < site->rank; d++) put(out, site->shape[d]);
  put_text(out, site->file, strlen(site->file));
  put(out, site->line);
}

void tm_program_write(const tm_program *p, tm_buf *out) {
  put(out, MAGIC);
  put(out, FORMAT);
  put(out, p->scalars_slot);
  put(out, p->scalars_size);
  put(out, p->threads);
  put(out, p->threadgroup_bytes);
  put(out, p->language_version);
  put(out, p->family);
  put(out, p->num_warps);
  put(out, p->num_stages);
  put_text(out, p->msl, p->msl_size);
  put_text(out, p->entry, strlen(p->entry));
  put(out, p->n_args);
  for (uint32_t i = 0; i < p->n_args; i++) {
    const tm_msl_arg *arg = &p->args[i];
    put_text(out, arg->name, strlen(arg->name));
    put(out, (uint32_t)arg->kind);
    put(out, (uint32_t)arg->scalar);
    put(out, arg->slot);
    put(out, arg->offset);
    put(out, (uint32_t)arg->reads | (uint32_t)arg->writes << 1);
  }
  put(out, (uint32_t)p->uses_log | (uint32_t)p->uses_addresses << 1);
  put(out, p->log_slot);
  put(out, p->n_sites);
  for (uint32_t i = 0; i < p->n_sites; i++) put_site(out, &p->sites[i]);
}

/* ---- reading ------------------------------------------------------------ */

typedef struct reader {
  const unsigned char *at, *end;
  tm_arena *arena;
  bool bad;
} reader;

static uint32_t take(reader *r) {
  if (r->end - r->at < 4) {
    r->bad = true;
    r->at = r->end;
    return 0;
  }
  uint32_t x = (uint32_t)r->at[0] | (uint32_t)r->at[1] << 8 |
               (uint32_t)r->at[2] << 16 | (uint32_t)r->at[3] << 24;
  r->at += 4;
  return x;
}

static const char *take_text(reader *r, size_t *size) {
  uint32_t n = take(r);
  if (n > MOST_TEXT || n > (size_t)(r->end - r->at)) {
    r->bad = true;
    r->at = r->end;
    n = 0;
  }
  const char *text = tm_strndup(r->arena, (const char *)r->at, n);
  r->at += n;
  if (strlen(text) != n) r->bad = true; /* a zero within */
  if (size) *size = n;
  return text;
}

static void take_arg(reader *r, tm_msl_arg *arg) {
  arg->name = take_text(r, NULL);
  uint32_t kind = take(r), scalar = take(r);
  arg->slot = take(r);
  arg->offset = take(r);
  uint32_t access = take(r);
  if (kind > TM_ARG_ADDRESS || scalar >= TM_SCALARS || access > 3)
    r->bad = true;
  arg->kind = kind > TM_ARG_ADDRESS ? TM_ARG_BUFFER : (tm_arg_kind)kind;
  arg->scalar = scalar < TM_SCALARS ? (tm_scalar)scalar : TM_VOID;
  arg->reads = access & 1;
  arg->writes = (access >> 1) & 1;
}

static void take_site(reader *r, tm_msl_site *site) {
  uint32_t flags = take(r);
  site->is_assert = flags & 1;
  site->hex = (flags >> 1) & 1;
  site->is_signed = (flags >> 2) & 1;
  site->text = take_text(r, NULL);
  site->operand = take(r);
  site->n_operands = take(r);
  uint32_t scalar = take(r);
  site->rank = take(r);
  if (flags > 7 || scalar >= TM_SCALARS || site->rank > TM_MAX_RANK) {
    r->bad = true;
    return;
  }
  site->scalar = (tm_scalar)scalar;
  for (uint32_t d = 0; d < site->rank; d++) site->shape[d] = take(r);
  site->file = take_text(r, NULL);
  site->line = take(r);
}

static void take_sites(reader *r, tm_program *out) {
  uint32_t uses = take(r);
  out->log_slot = take(r);
  uint32_t n = take(r);
  if (uses > 3 || n > MOST_SITES) r->bad = true;
  if (r->bad) return;
  out->uses_log = uses & 1;
  out->uses_addresses = uses >> 1;
  out->n_sites = n;
  tm_msl_site *sites = TM_NEW_ARRAY(r->arena, tm_msl_site, n + 1);
  for (uint32_t i = 0; i < n && !r->bad; i++) take_site(r, &sites[i]);
  out->sites = sites;
}

bool tm_program_read(tm_arena *arena, const void *bytes, size_t size,
                     tm_program *out) {
  const unsigned char *start = bytes;
  reader r = {start, start + size, arena, false};
  memset(out, 0, sizeof *out);
  if (take(&r) != MAGIC || take(&r) != FORMAT) return false;
  out->scalars_slot = take(&r);
  out->scalars_size = take(&r);
  out->threads = take(&r);
  out->threadgroup_bytes = take(&r);
  out->language_version = take(&r);
  out->family = take(&r);
  out->num_warps = take(&r);
  out->num_stages = take(&r);
  out->msl = take_text(&r, &out->msl_size);
  out->entry = take_text(&r, NULL);
  uint32_t n = take(&r);
  if (r.bad || n > MOST_ARGS) return false;
  tm_msl_arg *args = TM_NEW_ARRAY(arena, tm_msl_arg, n + 1);
  for (uint32_t i = 0; i < n && !r.bad; i++) take_arg(&r, &args[i]);
  out->args = args;
  out->n_args = n;
  take_sites(&r, out);
  return !r.bad && r.at == r.end && tm_program_is_sound(out);
}
