/* SPDX-License-Identifier: MIT */
/*
 * tensor_descriptor.c - tensor descriptors that the host makes, checked.
 *
 * The rules are those of triton/tools/tensor_descriptor.py, which compiled
 * kernels rely on: a wrong stride would not fail there but read other memory.
 * Besides, the tensor must lie within its buffer.
 */
#include "context.h"

static tm_status check_type(const tm_descriptor *d, const char *who,
                            tm_error **error) {
  bool is_float = d->dtype >= TM_DTYPE_F16 && d->dtype <= TM_DTYPE_F8E5M2;
  if (!tmi_dtype_name(d->dtype) || d->dtype == TM_DTYPE_I1)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: a descriptor has no elements of tm_dtype %u", who,
                    (unsigned)d->dtype);
  if (d->padding > TM_PADDING_NAN)
    return tmi_fail(error, TM_E_ARGUMENT, "%s: %u is no tm_padding", who,
                    (unsigned)d->padding);
  if (d->padding == TM_PADDING_NAN && !is_float)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: padding with NaN is for floats, its elements are %s",
                    who, tmi_dtype_name(d->dtype));
  if (d->round_f32_to_tf32 && d->dtype != TM_DTYPE_F32)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: only fp32 is rounded to tf32, its elements are %s",
                    who, tmi_dtype_name(d->dtype));
  return TM_OK;
}

tm_status tmi_descriptor_read(const tm_arg *arg, const char *who,
                              tm_descriptor *out, tm_error **error) {
  if (arg->tag != TM_GIVE_DESCRIPTOR || !arg->u.descriptor)
    return tmi_fail(error, TM_E_ARGUMENT, "%s: %s", who,
                    arg->tag == TM_GIVE_DESCRIPTOR
                        ? "its descriptor is NULL"
                        : "a tensor descriptor is needed (tm_arg_descriptor)");
  tm_status status = tmi_options(out, sizeof *out, sizeof *out,
                                 arg->u.descriptor, "tm_descriptor", error);
  if (status) return status;
  tm_spec_desc spec = {.rank = out->rank};
  for (uint32_t d = 0; d < TM_DESC_MAX_RANK; d++)
    spec.block[d] = out->block_shape[d];
  const char *fault = tm_spec_desc_fault(&spec);
  if (fault) return tmi_fail(error, TM_E_ARGUMENT, "%s: %s", who, fault);
  return check_type(out, who, error);
}

static uint32_t bytes_of(uint32_t dtype) {
  switch (dtype) {
    case TM_DTYPE_I16: case TM_DTYPE_U16: case TM_DTYPE_F16:
    case TM_DTYPE_BF16:
      return 2;
    case TM_DTYPE_I32: case TM_DTYPE_U32: case TM_DTYPE_F32:
      return 4;
    case TM_DTYPE_I64: case TM_DTYPE_U64: case TM_DTYPE_F64:
      return 8;
    default:
      return 1;
  }
}

/* The elements between the first and the last one that indices reach, in
 * either direction; false when that is more than any memory. */
static bool reach(const tm_descriptor *d, int64_t *lowest, int64_t *highest) {
  *lowest = *highest = 0;
  for (uint32_t k = 0; k < d->rank; k++) {
    int64_t far;
    if (__builtin_mul_overflow(d->shape[k] - 1, d->strides[k], &far))
      return false;
    int64_t *end = far < 0 ? lowest : highest;
    if (__builtin_add_overflow(*end, far, end)) return false;
  }
  return *highest < INT64_MAX / 16 && *lowest > INT64_MIN / 16;
}

static tm_status check_place(const tm_descriptor *d, const char *who,
                             tm_error **error) {
  uint64_t size = d->buffer->size;
  if ((d->buffer->offset + d->offset) % 16)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: its tensor starts at byte %llu; it must be a "
                    "multiple of 16",
                    who, (unsigned long long)(d->buffer->offset + d->offset));
  int64_t lowest, highest, bytes = bytes_of(d->dtype);
  bool fits = d->offset < size && size < INT64_MAX / 2 &&
              reach(d, &lowest, &highest) &&
              (int64_t)d->offset + lowest * bytes >= 0 &&
              (int64_t)d->offset + (highest + 1) * bytes <= (int64_t)size;
  if (fits) return TM_OK;
  return tmi_fail(error, TM_E_ARGUMENT,
                  "%s: its tensor, from byte %llu on, is not within its "
                  "buffer of %llu bytes",
                  who, (unsigned long long)d->offset,
                  (unsigned long long)size);
}

tm_status tmi_descriptor_check(const tm_descriptor *d, const char *who,
                               tm_error **error) {
  uint32_t last = d->rank - 1, bytes = bytes_of(d->dtype);
  if (!d->buffer)
    return tmi_fail(error, TM_E_ARGUMENT, "%s: its buffer is NULL", who);
  for (uint32_t k = 0; k < d->rank; k++) {
    if (d->shape[k] < 1 || d->shape[k] > INT32_MAX)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "%s: shape[%u] is %lld; it must be positive and below "
                      "2^31",
                      who, (unsigned)k, (long long)d->shape[k]);
    if (k < last && d->strides[k] % (16 / bytes))
      return tmi_fail(error, TM_E_ARGUMENT,
                      "%s: strides[%u] is %lld elements of %u bytes; strides "
                      "must be multiples of 16 bytes",
                      who, (unsigned)k, (long long)d->strides[k],
                      (unsigned)bytes);
  }
  if (d->strides[last] != 1)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: strides[%u] is %lld; the last dimension must be "
                    "contiguous (1)",
                    who, (unsigned)last, (long long)d->strides[last]);
  return check_place(d, who, error);
}
