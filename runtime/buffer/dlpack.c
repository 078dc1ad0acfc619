/* SPDX-License-Identifier: MIT */
/*
 * dlpack.c - tensors from and to other libraries, without a copy.
 *
 *   in    CPU: the elements' memory is wrapped; Metal: the MTLBuffer is
 *         imported. The tensor's deleter becomes the buffer's `ended`, so it
 *         runs once, after the last launch that uses the buffer, and without
 *         a lock (tmi_buffers_end). On failure it does not run: the tensor
 *         stays the caller's.
 *   out   one block of memory holds the structure, shape and strides; it
 *         keeps the buffer until the other side calls its deleter.
 *
 * The legacy structure and the versioned one of DLPack 1.x differ in their
 * heads only: both are read into, and made from, one description here.
 */
#include "../context.h"

#include "dlpack_abi.h"

#include <stdlib.h>
#include <string.h>

/* ---- element types -------------------------------------------------------- */

static const struct {
  uint32_t dtype;
  uint8_t code, bits;
} types[] = {
    {TM_DTYPE_I1, TMI_DL_BOOL, 8},     {TM_DTYPE_I8, TMI_DL_INT, 8},
    {TM_DTYPE_I16, TMI_DL_INT, 16},    {TM_DTYPE_I32, TMI_DL_INT, 32},
    {TM_DTYPE_I64, TMI_DL_INT, 64},    {TM_DTYPE_U8, TMI_DL_UINT, 8},
    {TM_DTYPE_U16, TMI_DL_UINT, 16},   {TM_DTYPE_U32, TMI_DL_UINT, 32},
    {TM_DTYPE_U64, TMI_DL_UINT, 64},   {TM_DTYPE_F16, TMI_DL_FLOAT, 16},
    {TM_DTYPE_BF16, TMI_DL_BFLOAT, 16}, {TM_DTYPE_F32, TMI_DL_FLOAT, 32},
    {TM_DTYPE_F64, TMI_DL_FLOAT, 64},
    {TM_DTYPE_F8E4M3, TMI_DL_FLOAT8_E4M3FN, 8},
    {TM_DTYPE_F8E5M2, TMI_DL_FLOAT8_E5M2, 8},
};

/* ---- where a tensor lies --------------------------------------------------- */

/* Elements between the first one and the lowest and highest that indices
 * reach. strides NULL: row-major. False when no memory is so large, or a
 * dimension is negative; *empty when a dimension is 0. */
static bool reach(uint32_t rank, const int64_t *shape, const int64_t *strides,
                  int64_t *lowest, int64_t *highest, bool *empty) {
  int64_t stride = 1; /* of row-major */
  *lowest = *highest = 0;
  *empty = false;
  for (uint32_t k = rank; k-- > 0;) {
    if (shape[k] < 0) return false;
    if (shape[k] == 0) *empty = true;
  }
  if (*empty) return true;
  for (uint32_t k = rank; k-- > 0;) {
    int64_t far;
    if (__builtin_mul_overflow(shape[k] - 1, strides ? strides[k] : stride,
                               &far))
      return false;
    int64_t *end = far < 0 ? lowest : highest;
    if (__builtin_add_overflow(*end, far, end)) return false;
    if (__builtin_mul_overflow(stride, shape[k], &stride)) return false;
  }
  return *highest < INT64_MAX / 16 && *lowest > INT64_MIN / 16;
}

/* ---- in ---------------------------------------------------------------------- */

/* What either structure says. */
typedef struct given {
  const DLTensor *tensor;
  bool is_read_only;
  void (*ended)(void *payload);
  void *payload;
} given;

static void end_legacy(void *payload) {
  DLManagedTensor *managed = payload;
  if (managed->deleter) managed->deleter(managed);
}

static void end_versioned(void *payload) {
  DLManagedTensorVersioned *managed = payload;
  if (managed->deleter) managed->deleter(managed);
}

static tm_status read_type(const DLTensor *t, uint32_t *dtype, int64_t *bytes,
                           tm_error **error) {
  for (size_t i = 0; i < TM_COUNT(types) && t->dtype.lanes == 1; i++)
    if (types[i].code == t->dtype.code && types[i].bits == t->dtype.bits) {
      *dtype = types[i].dtype;
      *bytes = types[i].bits / 8;
      return TM_OK;
    }
  return tmi_fail(error, TM_E_UNSUPPORTED,
                  "the tensor's elements (DLPack code %u, %u bits, %u lanes) "
                  "are none that kernels can load",
                  (unsigned)t->dtype.code, (unsigned)t->dtype.bits,
                  (unsigned)t->dtype.lanes);
}

/* The bytes that the tensor's elements are in: *size of them from *low before
 * the first element on. */
static tm_status read_place(const DLTensor *t, int64_t bytes, uint64_t *low,
                            uint64_t *size, tm_error **error) {
  int64_t lowest, highest;
  bool empty;
  if (t->ndim < 0 || (t->ndim && !t->shape) ||
      !reach((uint32_t)t->ndim, t->shape, t->strides, &lowest, &highest,
             &empty))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the tensor's shape and strides are those of no memory");
  if (empty || !t->data)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the tensor has no elements: there is nothing to make a "
                    "buffer of");
  *low = (uint64_t)(-lowest * bytes);
  *size = (uint64_t)((highest - lowest + 1) * bytes);
  return TM_OK;
}

static tm_status make(tm_buffer **out, tm_context *context, const DLTensor *t,
                      uint64_t low, uint64_t size, tm_error **error) {
  if (t->device.device_type == TMI_DL_CPU)
    return tmi_buffer_wrap(out, context,
                           (char *)t->data + t->byte_offset - low, size,
                           error);
  if (t->device.device_type != TMI_DL_METAL)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "the tensor is on DLPack's device %d; only CPU (1) and "
                    "Metal (8) can be used: move it there",
                    (int)t->device.device_type);
  if (t->byte_offset < low)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the tensor reaches %llu bytes before its buffer",
                    (unsigned long long)(low - t->byte_offset));
  return tmi_buffer_import(out, context, t->data, t->byte_offset - low, size,
                           error);
}

static tm_status take(tm_buffer **out, tm_arg *tensor, tm_context *context,
                      const given *g, tm_error **error) {
  uint32_t dtype = TM_DTYPE_NONE;
  int64_t bytes = 0;
  uint64_t low = 0, size = 0;
  tm_status status = read_type(g->tensor, &dtype, &bytes, error);
  if (!status) status = read_place(g->tensor, bytes, &low, &size, error);
  if (!status) status = make(out, context, g->tensor, low, size, error);
  if (status) return status;
  (*out)->is_read_only = g->is_read_only;
  (*out)->payload = g->payload;
  (*out)->ended = g->ended;
  tmi_handle_add(*out, TMI_BUFFER);
  if (tensor) *tensor = tm_arg_tensor(*out, low, (tm_dtype)dtype);
  return TM_OK;
}

/* What begins both ways in. */
static tm_status begin(tm_buffer **out, tm_arg *tensor,
                       const tm_context *context, const void *managed,
                       tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  if (tensor) *tensor = tm_arg_make(TM_GIVE_NOTHING);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(managed != NULL, error);
  return TM_OK;
}

tm_status tm_buffer_from_dlpack(tm_buffer **out, tm_arg *tensor,
                                tm_context *context,
                                struct DLManagedTensor *managed,
                                tm_error **error) {
  tm_status status = begin(out, tensor, context, managed, error);
  if (status) return status;
  given g = {&managed->dl_tensor, false, end_legacy, managed};
  return take(out, tensor, context, &g, error);
}

tm_status tm_buffer_from_dlpack_versioned(
    tm_buffer **out, tm_arg *tensor, tm_context *context,
    struct DLManagedTensorVersioned *managed, tm_error **error) {
  tm_status status = begin(out, tensor, context, managed, error);
  if (status) return status;
  if (managed->version.major != TMI_DLPACK_MAJOR)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "the tensor is of DLPack %u.%u; this library knows %d.x: "
                    "ask its maker for max_version=(1, 0)",
                    (unsigned)managed->version.major,
                    (unsigned)managed->version.minor, TMI_DLPACK_MAJOR);
  given g = {&managed->dl_tensor, (managed->flags & TMI_DL_READ_ONLY) != 0,
             end_versioned, managed};
  return take(out, tensor, context, &g, error);
}

/* ---- out --------------------------------------------------------------------- */

/* What the other side holds; shape and strides follow. */
typedef struct holder {
  union {
    DLManagedTensor legacy;
    DLManagedTensorVersioned versioned;
  } u;
  tm_buffer *buffer; /* one reference */
  int64_t dims[];
} holder;

/* Anyone's thread, at any time: the other side's deleter. */
static void free_holder(holder *h) {
  tm_buffer *buffer = h->buffer;
  tm_context *context = buffer->context;
  free(h);
  tmi_context_retain(context);
  tmi_buffer_release(buffer);
  tmi_buffers_end(context);
  tmi_context_release(context);
}

static void delete_legacy(DLManagedTensor *self) {
  if (self) free_holder(self->manager_ctx);
}

static void delete_versioned(DLManagedTensorVersioned *self) {
  if (self) free_holder(self->manager_ctx);
}

/* The tensor lies within its buffer, and the device can be given. */
static tm_status check(const tm_tensor *t, size_t *type, tm_error **error) {
  TMI_HANDLE(t->buffer, TMI_BUFFER, error);
  TMI_CHECK_ALIVE(t->buffer, error);
  TMI_CHECK(t->shape != NULL || !t->rank, error);
  for (*type = 0; *type < TM_COUNT(types); ++*type)
    if (types[*type].dtype == t->dtype) break;
  if (*type == TM_COUNT(types))
    return tmi_fail(error, TM_E_ARGUMENT, "%u is no element type (tm_dtype)",
                    (unsigned)t->dtype);
  int64_t lowest, highest, bytes = types[*type].bits / 8;
  bool empty, fits = t->rank <= INT32_MAX &&
                     reach(t->rank, t->shape, t->strides, &lowest, &highest,
                           &empty);
  uint64_t size = t->buffer->size;
  if (fits && !empty)
    fits = t->offset < size && size < INT64_MAX / 2 &&
           (int64_t)t->offset + lowest * bytes >= 0 &&
           (int64_t)t->offset + (highest + 1) * bytes <= (int64_t)size;
  if (!fits || t->offset > size)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the tensor, from byte %llu on, is not within its buffer "
                    "of %llu bytes",
                    (unsigned long long)t->offset, (unsigned long long)size);
  if (!t->as_metal && !t->buffer->contents)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "the buffer is in the GPU's private storage, which the "
                    "CPU cannot read: export it as Metal (as_metal)");
  return TM_OK;
}

static void fill_tensor(const tm_tensor *t, size_t type, int64_t *dims,
                        DLTensor *out) {
  const tm_buffer *b = t->buffer;
  int64_t stride = 1;
  out->device.device_type = t->as_metal ? TMI_DL_METAL : TMI_DL_CPU;
  out->data = t->as_metal ? b->object : b->contents;
  out->byte_offset = t->offset + (t->as_metal ? b->offset : 0);
  out->ndim = (int32_t)t->rank;
  out->dtype = (DLDataType){types[type].code, types[type].bits, 1};
  out->shape = dims;
  out->strides = dims + t->rank;
  for (uint32_t k = t->rank; k-- > 0;) {
    out->shape[k] = t->shape[k];
    out->strides[k] = t->strides ? t->strides[k] : stride;
    stride *= t->shape[k] ? t->shape[k] : 1;
  }
}

/* Checks, allocates, retains; the caller fills the head. */
static tm_status hold(holder **out, const tm_tensor *given_tensor,
                      tm_tensor *t, size_t *type, tm_error **error) {
  tm_status status = tmi_options(t, sizeof *t, sizeof *t, given_tensor,
                                 "tm_tensor", error);
  if (!status) status = check(t, type, error);
  if (status) return status;
  holder *h = calloc(1, sizeof *h + 2 * t->rank * sizeof *h->dims);
  if (!h) return tmi_fail_memory(error);
  h->buffer = t->buffer;
  atomic_fetch_add(&h->buffer->references, 1);
  *out = h;
  return TM_OK;
}

tm_status tm_buffer_to_dlpack(struct DLManagedTensor **managed,
                              const tm_tensor *tensor, tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(managed != NULL, error);
  *managed = NULL;
  TMI_CHECK(tensor != NULL, error);
  TMI_HANDLE(tensor->buffer, TMI_BUFFER, error);
  if (tensor->buffer->is_read_only)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "the buffer is read-only, which the structure of DLPack "
                    "before 1.0 cannot say: export the versioned one");
  tm_tensor t;
  size_t type;
  holder *h;
  tm_status status = hold(&h, tensor, &t, &type, error);
  if (status) return status;
  fill_tensor(&t, type, h->dims, &h->u.legacy.dl_tensor);
  h->u.legacy.manager_ctx = h;
  h->u.legacy.deleter = delete_legacy;
  *managed = &h->u.legacy;
  return TM_OK;
}

tm_status tm_buffer_to_dlpack_versioned(
    struct DLManagedTensorVersioned **managed, const tm_tensor *tensor,
    tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(managed != NULL, error);
  *managed = NULL;
  TMI_CHECK(tensor != NULL, error);
  tm_tensor t;
  size_t type;
  holder *h;
  tm_status status = hold(&h, tensor, &t, &type, error);
  if (status) return status;
  DLManagedTensorVersioned *v = &h->u.versioned;
  fill_tensor(&t, type, h->dims, &v->dl_tensor);
  v->version = (DLPackVersion){TMI_DLPACK_MAJOR, TMI_DLPACK_MINOR};
  v->flags = t.buffer->is_read_only ? TMI_DL_READ_ONLY : 0;
  v->manager_ctx = h;
  v->deleter = delete_versioned;
  *managed = v;
  return TM_OK;
}
