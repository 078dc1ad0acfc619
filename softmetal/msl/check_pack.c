/* SPDX-License-Identifier: MIT */
/*
 * check_pack.c - the packing functions of <metal_pack> (spec 6.14), spelt out
 * as the operations that define them: the emitter never sees their rows.
 *
 *   unpack: as_type to integers, scaled to [0, 1] or [-1, 1]
 *   pack:   clamped, scaled, rounded to nearest even; NaN gives the least
 *   srgb:   through the transfer function of sRGB, but for alpha
 *
 * The first element is in the lowest bits, in the forms for 5, 6 and 5 bits
 * too. (The specification does not say so of those; renderers that are tested
 * on Macs store red, green and blue in the usual 5-6-5 order by packing blue,
 * green and red, and the same rounding to even has been measured there.)
 */
#include "front.h"

/* Where the elements are: of equal parts, or in fields as below. */
typedef enum placing { EVEN, IN_10A2, IN_565 } placing;

static const struct {
  sm_builtin id;
  bool packs, is_half, is_signed, is_srgb;
  uint32_t count; /* elements; EVEN: of 32 / count bits */
  placing layout;
} rows[] = {
  {SM_B_PACK_FLOAT_SRGB4X8, true, false, false, true, 4, EVEN},
  {SM_B_PACK_HALF_SRGB4X8, true, true, false, true, 4, EVEN},
  {SM_B_PACK_FLOAT_UNORM10A2, true, false, false, false, 4, IN_10A2},
  {SM_B_PACK_HALF_UNORM10A2, true, true, false, false, 4, IN_10A2},
  {SM_B_UNPACK_SRGB4X8_FLOAT, false, false, false, true, 4, EVEN},
  {SM_B_UNPACK_SRGB4X8_HALF, false, true, false, true, 4, EVEN},
  {SM_B_PACK_FLOAT_UNORM4X8, true, false, false, false, 4, EVEN},
  {SM_B_PACK_FLOAT_SNORM4X8, true, false, true, false, 4, EVEN},
  {SM_B_PACK_HALF_UNORM4X8, true, true, false, false, 4, EVEN},
  {SM_B_PACK_HALF_SNORM4X8, true, true, true, false, 4, EVEN},
  {SM_B_PACK_FLOAT_UNORM2X16, true, false, false, false, 2, EVEN},
  {SM_B_PACK_FLOAT_SNORM2X16, true, false, true, false, 2, EVEN},
  {SM_B_PACK_HALF_UNORM2X16, true, true, false, false, 2, EVEN},
  {SM_B_PACK_HALF_SNORM2X16, true, true, true, false, 2, EVEN},
  {SM_B_UNPACK_UNORM4X8_FLOAT, false, false, false, false, 4, EVEN},
  {SM_B_UNPACK_SNORM4X8_FLOAT, false, false, true, false, 4, EVEN},
  {SM_B_UNPACK_UNORM4X8_HALF, false, true, false, false, 4, EVEN},
  {SM_B_UNPACK_SNORM4X8_HALF, false, true, true, false, 4, EVEN},
  {SM_B_UNPACK_UNORM2X16_FLOAT, false, false, false, false, 2, EVEN},
  {SM_B_UNPACK_SNORM2X16_FLOAT, false, false, true, false, 2, EVEN},
  {SM_B_UNPACK_UNORM2X16_HALF, false, true, false, false, 2, EVEN},
  {SM_B_UNPACK_SNORM2X16_HALF, false, true, true, false, 2, EVEN},
  {SM_B_UNPACK_UNORM10A2_FLOAT, false, false, false, false, 4, IN_10A2},
  {SM_B_UNPACK_UNORM10A2_HALF, false, true, false, false, 4, IN_10A2},
  {SM_B_PACK_FLOAT_UNORM565, true, false, false, false, 3, IN_565},
  {SM_B_PACK_HALF_UNORM565, true, true, false, false, 3, IN_565},
  {SM_B_UNPACK_UNORM565_FLOAT, false, false, false, false, 3, IN_565},
  {SM_B_UNPACK_UNORM565_HALF, false, true, false, false, 3, IN_565},
};

static sm_expr *call(sm_parser *p, sm_builtin id, sm_expr *a, sm_expr *b,
                     sm_expr *c) {
  sm_exprs args = {0};
  tm_push(p->arena, &args, a);
  if (b) tm_push(p->arena, &args, b);
  if (c) tm_push(p->arena, &args, c);
  return sm_library_call(p, id, SM_NS_PLAIN, &args, a->loc);
}

/* (v0, v1, ...) of a vector type */
static sm_expr *vector(sm_parser *p, const sm_type *type, const double *v,
                       tm_loc loc) {
  sm_exprs args = {0};
  for (uint32_t i = 0; i < type->count; i++)
    tm_push(p->arena, &args,
            sm_is_floating(type->scalar)
                ? sm_literal_float(p, type->scalar, v[i], loc)
                : sm_literal_int(p, type->scalar, (uint64_t)v[i], loc));
  return sm_node_args(p, SM_CONSTRUCT, type, loc, &args);
}

static sm_expr *splat(sm_parser *p, const sm_type *type, double v,
                      tm_loc loc) {
  double all[4] = {v, v, v, v};
  return vector(p, type, all, loc);
}

/* First bit and greatest value of each field, by layout. */
static const double shifts[][4] = {[IN_10A2] = {0, 10, 20, 30},
                                   [IN_565] = {0, 5, 11}};
static const double masks[][4] = {[IN_10A2] = {1023, 1023, 1023, 3},
                                  [IN_565] = {31, 63, 31}};

static void scales(size_t row, double out[4]) {
  double most = rows[row].count == 4 ? 255 : 65535;
  if (rows[row].is_signed) most = rows[row].count == 4 ? 127 : 32767;
  for (int i = 0; i < 4; i++)
    out[i] = rows[row].layout != EVEN ? masks[rows[row].layout][i] : most;
}

/* The transfer function of sRGB on red, green and blue: low where x < edge, as
 * select has it, and the power curve elsewhere; alpha stays x. */
static sm_expr *by_parts(sm_parser *p, sm_expr *x, double edge, sm_expr *low,
                         sm_expr *curve, tm_loc loc) {
  static const double alpha[4] = {0, 0, 0, 1};
  const sm_type *bool4 = sm_type_vector(p, SM_BOOL, 4, false);
  sm_expr *is_low = sm_binary(p, SM_LT, x, splat(p, x->type, edge, loc), loc);
  sm_expr *rgb = call(p, SM_B_SELECT, curve, low, is_low);
  return call(p, SM_B_SELECT, rgb, x, vector(p, bool4, alpha, loc));
}

static sm_expr *to_srgb(sm_parser *p, sm_expr *x, tm_loc loc) {
  const sm_type *t = x->type;
  sm_expr *power = call(p, SM_B_POW, x, splat(p, t, 1 / 2.4, loc), NULL);
  power = sm_binary(p, SM_MUL, power, splat(p, t, 1.055, loc), loc);
  power = sm_binary(p, SM_SUB, power, splat(p, t, 0.055, loc), loc);
  sm_expr *low = sm_binary(p, SM_MUL, x, splat(p, t, 12.92, loc), loc);
  return by_parts(p, x, 0.0031308, low, power, loc);
}

static sm_expr *from_srgb(sm_parser *p, sm_expr *x, tm_loc loc) {
  const sm_type *t = x->type;
  sm_expr *power = sm_binary(p, SM_ADD, x, splat(p, t, 0.055, loc), loc);
  power = sm_binary(p, SM_DIV, power, splat(p, t, 1.055, loc), loc);
  power = call(p, SM_B_POW, power, splat(p, t, 2.4, loc), NULL);
  sm_expr *low = sm_binary(p, SM_DIV, x, splat(p, t, 12.92, loc), loc);
  return by_parts(p, x, 0.04045, low, power, loc);
}

/* The elements of a vector of uint, each in its field, as one uint. */
static sm_expr *join_fields(sm_parser *p, placing layout, sm_expr *x,
                            tm_loc loc) {
  sm_expr *placed = sm_binary(p, SM_SHL, x,
                              vector(p, x->type, shifts[layout], loc), loc);
  sm_expr *all = NULL;
  for (uint32_t i = 0; i < x->type->count; i++) {
    sm_expr *at = sm_literal_int(p, SM_INT, i, loc);
    sm_expr *part = sm_node(p, SM_ELEMENT_OF, p->scalars[SM_UINT], loc,
                            placed, at, NULL);
    all = all ? sm_binary(p, SM_BIT_OR, all, part, loc) : part;
  }
  return all;
}

static const sm_type *packed_type(sm_parser *p, size_t row) {
  return p->scalars[rows[row].layout == IN_565 ? SM_USHORT : SM_UINT];
}

static sm_expr *unpack(sm_parser *p, size_t row, sm_expr *x, tm_loc loc) {
  uint32_t n = rows[row].count;
  const sm_type *real = sm_type_vector(p, SM_FLOAT, n, false);
  sm_scalar s = n == 4 ? SM_UCHAR : SM_USHORT;
  if (rows[row].is_signed) s = (sm_scalar)(s - 1);
  double scale[4];
  scales(row, scale);
  sm_expr *parts;
  if (rows[row].layout != EVEN) {
    const sm_type *fields = sm_type_vector(p, SM_UINT, n, false);
    placing at = rows[row].layout;
    parts = sm_binary(p, SM_SHR, sm_convert_known(p, x, fields),
                      vector(p, fields, shifts[at], loc), loc);
    parts = sm_binary(p, SM_BIT_AND, parts, vector(p, fields, masks[at], loc),
                      loc);
  } else {
    parts = sm_library_as_type(p, sm_type_vector(p, s, n, false), x, loc);
  }
  parts = sm_explicit_cast(p, parts, real, SM_CAST_C, loc);
  sm_expr *r = sm_binary(p, SM_DIV, parts, vector(p, real, scale, loc), loc);
  if (rows[row].is_signed) r = call(p, SM_B_MAX, r, splat(p, real, -1, loc),
                                    NULL);
  if (rows[row].is_srgb) r = from_srgb(p, r, loc);
  if (!rows[row].is_half) return r;
  return sm_explicit_cast(p, r, sm_type_vector(p, SM_HALF, n, false),
                          SM_CAST_C, loc);
}

static sm_expr *pack(sm_parser *p, size_t row, sm_expr *x, tm_loc loc) {
  uint32_t n = rows[row].count;
  const sm_type *real = sm_type_vector(p, SM_FLOAT, n, false);
  const sm_type *whole = sm_type_vector(
      p, rows[row].is_signed ? SM_INT : SM_UINT, n, false);
  double scale[4];
  scales(row, scale);
  x = sm_explicit_cast(p, x, real, SM_CAST_C, loc);
  /* max first: of NaN and a number it is the number */
  x = call(p, SM_B_MAX, x, splat(p, real, rows[row].is_signed ? -1 : 0, loc),
           NULL);
  x = call(p, SM_B_MIN, x, splat(p, real, 1, loc), NULL);
  if (rows[row].is_srgb) x = to_srgb(p, x, loc);
  x = sm_binary(p, SM_MUL, x, vector(p, real, scale, loc), loc);
  x = sm_explicit_cast(p, call(p, SM_B_RINT, x, NULL, NULL), whole, SM_CAST_C,
                       loc);
  if (rows[row].layout != EVEN) {
    x = join_fields(p, rows[row].layout, x, loc);
    return sm_explicit_cast(p, x, packed_type(p, row), SM_CAST_C, loc);
  }
  sm_scalar s = n == 4 ? SM_UCHAR : SM_USHORT;
  x = sm_explicit_cast(p, x, sm_type_vector(p, s, n, false), SM_CAST_C, loc);
  return sm_library_as_type(p, p->scalars[SM_UINT], x, loc);
}

bool sm_is_packing(sm_builtin id) {
  return id >= SM_B_PACK_FLOAT_UNORM4X8 && id <= SM_B_UNPACK_UNORM10A2_HALF;
}

sm_expr *sm_library_pack(sm_parser *p, sm_builtin id, sm_exprs *args,
                         tm_loc loc) {
  size_t row = 0;
  while (rows[row].id != id) row++;
  const sm_type *type = rows[row].packs
      ? sm_type_vector(p, rows[row].is_half ? SM_HALF : SM_FLOAT,
                       rows[row].count, false)
      : packed_type(p, row);
  if (args->len != 1 || sm_rank_of(p, args->data[0], type) == SM_RANK_NONE) {
    tm_diag *diag = sm_error(p, loc, "no matching function for call to '%s'",
                             sm_builtin_name(id));
    sm_hint(p, diag, "it takes one %s", type->spelling);
    return sm_error_expr(p, loc);
  }
  sm_expr *x = sm_convert_known(p, args->data[0], type);
  return rows[row].packs ? pack(p, row, x, loc) : unpack(p, row, x, loc);
}
