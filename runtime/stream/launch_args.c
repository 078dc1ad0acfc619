/* SPDX-License-Identifier: MIT */
/*
 * launch_args.c - the arguments of a launch, checked and packed.
 *
 * Everything is checked before a message is sent, since Metal answers a bad
 * call with an exception or silence. Numbers are packed into the kernel's
 * constant struct, addresses of buffers that have no binding among them.
 * What comes out, a tmi_dispatch, is all that an encoder must be told; launch.c
 * encodes it into a stream's batch, launch_into.c into a host's encoder.
 *
 * Metal's compiler takes it that the buffers of two bindings share no memory,
 * not even to read (MSL 5.2). A launch whose buffers do, in place say, goes to
 * a second compile of the kernel in which every buffer comes by its address.
 */
#include "../context.h"

#include <math.h>
#include <string.h>

/* ---- numbers ------------------------------------------------------------ */

/* Rounds x to a float of `exponent` and `fraction` bits, to nearest even,
 * with subnormals and infinities, as IEEE 754 does. Directly from double:
 * through float it would round twice. */
static uint32_t narrow_float(double x, int exponent, int fraction) {
  uint32_t sign = signbit(x) ? 1u << (exponent + fraction) : 0;
  uint32_t infinity = ((1u << exponent) - 1) << fraction;
  if (isnan(x)) return sign | infinity | 1u << (fraction - 1);
  x = fabs(x);
  int bias = (1 << (exponent - 1)) - 1, e;
  if (x == 0) return sign;
  if (isinf(x)) return sign | infinity;
  frexp(x, &e); /* x = m * 2^e, m in [0.5, 1) */
  int lowest = 1 - bias;                  /* exponent of normal numbers */
  int scale = (e - 1 < lowest ? lowest : e - 1) - fraction;
  double units = nearbyint(ldexp(x, -scale)); /* exact but for the rounding */
  uint64_t bits = (uint64_t)units;
  if (e - 1 >= lowest)
    bits += (uint64_t)(e - 1 + bias - 1) << fraction; /* carries into it */
  return bits >= infinity ? sign | infinity : sign | (uint32_t)bits;
}

static tm_status wrong_arg(const tm_kernel *kernel, size_t i,
                           const char *found, tm_error **error) {
  const tm_kernel_arg *arg = &kernel->facts.args[i];
  return tmi_fail(error, TM_E_ARGUMENT,
                  "kernel '%s': argument %zu ('%s', %s) is given %s",
                  kernel->facts.name, i, arg->name, arg->type, found);
}

/* Does the integer fit the type? u64 takes what an int64_t holds as bits
 * when it says that it is u64. */
static bool int_fits(const tmi_slot *slot, const tm_arg *arg) {
  int64_t x = arg->u.i;
  if (slot->scalar == TM_I1) return x == 0 || x == 1;
  if (slot->size == 8)
    return slot->is_unsigned ? x >= 0 || arg->dtype == TM_DTYPE_U64
                             : x >= 0 || arg->dtype != TM_DTYPE_U64;
  int bits = slot->size * 8;
  if (slot->is_unsigned) return x >= 0 && x >> bits == 0;
  return x >= -(INT64_C(1) << (bits - 1)) && x < INT64_C(1) << (bits - 1);
}

static tm_status pack_int(const tm_kernel *kernel, size_t i,
                          const tm_arg *arg, unsigned char *out,
                          tm_error **error) {
  const tmi_slot *slot = &kernel->slots[i];
  if (arg->tag != TM_GIVE_INT && arg->tag != TM_GIVE_BOOL)
    return wrong_arg(kernel, i, "something that is not an integer", error);
  if (!int_fits(slot, arg))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': argument %zu ('%s') is %lld, which %s "
                    "cannot hold",
                    kernel->facts.name, i, kernel->facts.args[i].name,
                    (long long)arg->u.i, kernel->facts.args[i].type);
  if (slot->divisibility && arg->u.i % slot->divisibility)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': argument %zu ('%s') is %lld; it was "
                    "compiled for multiples of %d",
                    kernel->facts.name, i, kernel->facts.args[i].name,
                    (long long)arg->u.i, slot->divisibility);
  uint64_t bits = (uint64_t)arg->u.i;
  memcpy(out + slot->offset, &bits, slot->size); /* little-endian hosts */
  return TM_OK;
}

static tm_status pack_float(const tm_kernel *kernel, size_t i,
                            const tm_arg *arg, unsigned char *out,
                            tm_error **error) {
  const tmi_slot *slot = &kernel->slots[i];
  double x;
  if (arg->tag == TM_GIVE_FLOAT)
    x = arg->u.f;
  else if (arg->tag == TM_GIVE_INT)
    x = (double)arg->u.i;
  else
    return wrong_arg(kernel, i, "something that is not a number", error);
  uint32_t bits;
  float single = (float)x;
  switch (slot->scalar) {
    case TM_F16: bits = narrow_float(x, 5, 10); break;
    case TM_BF16: bits = narrow_float(x, 8, 7); break;
    case TM_F32: memcpy(&bits, &single, sizeof bits); break;
    default:
      return wrong_arg(kernel, i, "a number of a type that no GPU takes",
                       error);
  }
  memcpy(out + slot->offset, &bits, slot->size);
  return TM_OK;
}

/* ---- checks ------------------------------------------------------------- */

tm_status tmi_launch_check_buffer(const tm_kernel *kernel, size_t i,
                                  const tm_arg *arg, tm_error **error) {
  const tmi_slot *slot = &kernel->slots[i];
  if (arg->tag != TM_GIVE_BUFFER)
    return wrong_arg(kernel, i, "something that is not a buffer", error);
  const tm_buffer *buffer = arg->u.buffer;
  if (!buffer) return wrong_arg(kernel, i, "no buffer (NULL)", error);
  if (buffer->context != kernel->context)
    return wrong_arg(kernel, i, "a buffer of another context", error);
  if (arg->dtype != TM_DTYPE_NONE &&
      arg->dtype != kernel->facts.args[i].dtype)
    return wrong_arg(kernel, i, "a tensor of another type", error);
  if (buffer->is_read_only && kernel->facts.args[i].writes)
    return wrong_arg(kernel, i, "read-only memory, which the kernel writes",
                     error);
  if (arg->offset >= buffer->size)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': argument %zu ('%s') starts at byte %llu of "
                    "a buffer of %llu",
                    kernel->facts.name, i, kernel->facts.args[i].name,
                    (unsigned long long)arg->offset,
                    (unsigned long long)buffer->size);
  uint64_t start = buffer->offset + arg->offset;
  unsigned needed = slot->divisibility > slot->size ? slot->divisibility
                                                    : slot->size;
  if (needed && start % needed)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': argument %zu ('%s') starts at byte %llu; %s",
                    kernel->facts.name, i, kernel->facts.args[i].name,
                    (unsigned long long)start,
                    slot->divisibility
                        ? "it was compiled for multiples of 16"
                        : "that is not a multiple of its element's size");
  return TM_OK;
}

bool tmi_share_memory(const tm_arg *a, const tm_arg *b) {
  const tm_buffer *x = a->u.buffer, *y = b->u.buffer;
  uint64_t from_x, from_y;
  if (x->contents && y->contents) {
    from_x = (uint64_t)(uintptr_t)x->contents;
    from_y = (uint64_t)(uintptr_t)y->contents;
  } else if (x->object == y->object) {
    from_x = x->offset;
    from_y = y->offset;
  } else if (!x->contents && !y->contents) {
    /* Private storage of one heap may be aliased. */
    from_x = tmi_buffer_address(a->u.buffer);
    from_y = tmi_buffer_address(b->u.buffer);
    if (!from_x || !from_y) return false;
  } else {
    return false;
  }
  return from_x + a->offset < from_y + y->size &&
         from_y + b->offset < from_x + x->size;
}

/* Does argument i share memory with one before it? */
static bool overlaps_earlier(const tm_kernel *kernel, const tm_arg *args,
                             uint32_t i) {
  for (uint32_t k = 0; k < i; k++)
    if (kernel->slots[k].is_buffer && tmi_share_memory(&args[i], &args[k]))
      return true;
  return false;
}

/* Each with each; those that the host sees, nearly all, by their addresses
 * side by side, since this is a good part of what a launch costs. */
bool tmi_launch_overlaps(const tm_kernel *kernel, const tm_arg *args) {
  tmi_range seen[2 * (TM_MOST_BUFFER_INDEX + 1)];
  uint32_t n = 0;
  for (uint32_t i = 0; i < kernel->program.n_args; i++) {
    if (!kernel->slots[i].is_buffer) continue;
    const tm_buffer *buffer = args[i].u.buffer;
    if (!buffer->contents || n == TM_COUNT(seen)) {
      if (overlaps_earlier(kernel, args, i)) return true;
      continue;
    }
    uint64_t base = (uint64_t)(uintptr_t)buffer->contents;
    tmi_range r = {base + args[i].offset, base + buffer->size};
    for (uint32_t k = 0; k < n; k++)
      if (r.start < seen[k].end && seen[k].start < r.end) return true;
    seen[n++] = r;
  }
  return false;
}

static tm_status pack_address(const tm_kernel *kernel, size_t i,
                              const tm_arg *arg, unsigned char *out,
                              tm_error **error) {
  uint64_t address = tmi_buffer_address(arg->u.buffer);
  if (!address)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "kernel '%s': argument %zu ('%s') must go by address, and "
                    "this Metal gives no buffer addresses: they need macOS 13",
                    kernel->facts.name, i, kernel->facts.args[i].name);
  address += arg->offset;
  memcpy(out + kernel->slots[i].offset, &address, sizeof address);
  return TM_OK;
}

tm_status tmi_launch_pack(const tm_kernel *kernel, const tm_arg *args,
                          unsigned char *scalars, tm_error **error) {
  tm_status status = TM_OK;
  for (uint32_t i = 0; i < kernel->program.n_args && !status; i++) {
    const tmi_slot *slot = &kernel->slots[i];
    if (slot->is_buffer) {
      status = tmi_launch_check_buffer(kernel, i, &args[i], error);
      if (!status && slot->by_address)
        status = pack_address(kernel, i, &args[i], scalars, error);
    } else if (slot->scalar >= TM_FP8E4NV && slot->scalar <= TM_F64)
      status = pack_float(kernel, i, &args[i], scalars, error);
    else
      status = pack_int(kernel, i, &args[i], scalars, error);
  }
  return status;
}

static tm_status check_grid(const tm_kernel *kernel, tm_grid grid,
                            tm_error **error) {
  if (!grid.x || !grid.y || !grid.z)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s': the grid (%u, %u, %u) has no programs",
                    kernel->facts.name, (unsigned)grid.x, (unsigned)grid.y,
                    (unsigned)grid.z);
  if ((uint64_t)grid.x * kernel->program.threads > TM_MOST_GRID_THREADS)
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s': %u programs of %u threads are more than "
                    "2^32 - 1 threads: use a second dimension",
                    kernel->facts.name, (unsigned)grid.x,
                    (unsigned)kernel->program.threads);
  return TM_OK;
}

/* Which arguments they are; for debug levels at which launches are told. */
static void tell_overlaps(const tm_kernel *kernel, const tm_arg *args) {
  const tm_kernel_arg *names = kernel->facts.args;
  if (kernel->context->settings.debug_level < 2) return;
  for (uint32_t i = 0; i < kernel->program.n_args; i++)
    for (uint32_t k = 0; k < i && kernel->slots[i].is_buffer; k++)
      if (kernel->slots[k].is_buffer && tmi_share_memory(&args[i], &args[k]))
        tmi_log(kernel->context, 2,
                "kernel '%s': arguments %u ('%s') and %u ('%s') share memory%s",
                kernel->facts.name, (unsigned)k, names[k].name, (unsigned)i,
                names[i].name,
                names[i].writes || names[k].writes ? ", which it writes" : "");
}

tm_status tmi_dispatch_prepare(tm_context *context, tm_kernel *kernel,
                               tm_grid grid, const tm_arg *args,
                               size_t n_args, tmi_dispatch *out,
                               tm_error **error) {
  if (kernel->context != context)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' is of another context than the stream",
                    kernel->facts.name);
  if (n_args != kernel->program.n_args)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' takes %u arguments and is given %zu "
                    "(compile-time values are not passed again)",
                    kernel->facts.name, (unsigned)kernel->program.n_args,
                    n_args);
  tm_status status = check_grid(kernel, grid, error);
  if (status) return status;
  /* Gaps between fields stay zero. */
  memset(out->scalars, 0, kernel->program.scalars_size);
  status = tmi_launch_pack(kernel, args, (unsigned char *)out->scalars, error);
  if (status) return status;
  if (!kernel->spec.may_overlap && tmi_launch_overlaps(kernel, args)) {
    tell_overlaps(kernel, args);
    status = tmi_kernel_overlapping(kernel, &kernel, error);
    if (status) return status;
    return tmi_dispatch_prepare(context, kernel, grid, args, n_args, out,
                                error);
  }
  out->kernel = kernel;
  out->grid = grid;
  out->args = args;
  if (atomic_load_explicit(&kernel->is_loaded, memory_order_acquire))
    return TM_OK;
  return tmi_kernel_load(kernel, error);
}
