/* SPDX-License-Identifier: MIT */
/*
 * arg_list.c - descriptors and tuples among the arguments of a launch, flat.
 *
 *     (x, n, 16) of (*fp32, i32, 16)      x, n
 *     descriptor of [m, n], [s, 1]        its buffer, m, n, s
 *
 * The order is that of kernel_args.c.
 */
#include "context.h"

#include <stdio.h>
#include <string.h>

enum { WHO = 192 };

static tm_status push(tmi_flat *flat, tm_arg arg, tm_error **error) {
  if (flat->n == TMI_MOST_FLAT)
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s': more than %d arguments", flat->kernel,
                    TMI_MOST_FLAT);
  flat->args[flat->n++] = arg;
  return TM_OK;
}

static tm_status push_descriptor(tmi_flat *flat, const tm_descriptor *d,
                                 tm_error **error) {
  tm_status status =
      push(flat, tm_arg_tensor(d->buffer, d->offset, (tm_dtype)d->dtype),
           error);
  for (uint32_t k = 0; k < d->rank && !status; k++)
    status = push(flat, tm_arg_int(d->shape[k]), error);
  for (uint32_t k = 0; k + 1 < d->rank && !status; k++)
    status = push(flat, tm_arg_int(d->strides[k]), error);
  return status;
}

static const tm_arg *item(const tm_arg *tuple, size_t i) {
  return tuple->tag == TM_GIVE_TUPLE ? &tuple->u.items[i]
                                     : &tuple->u.members[i].value;
}

static bool is_tuple(const tm_arg *arg) {
  return arg->tag == TM_GIVE_TUPLE || arg->tag == TM_GIVE_NAMED_TUPLE;
}

/* ---- by specification ---------------------------------------------------- */

tm_status tmi_flat_add(tmi_flat *flat, const tm_param_spec *spec,
                       const char *name, const tm_arg *arg, tm_error **error) {
  char who[WHO];
  tm_descriptor d;
  tm_status status = TM_OK;
  switch (spec->form) {
    case TM_FORM_POINTER:
    case TM_FORM_NUMBER:
      return push(flat, *arg, error);
    case TM_FORM_DESCRIPTOR:
      snprintf(who, sizeof who, "kernel '%s': '%s'", flat->kernel, name);
      if ((status = tmi_descriptor_read(arg, who, &d, error))) return status;
      if ((status = tmi_descriptor_check(&d, who, error))) return status;
      return push_descriptor(flat, &d, error);
    case TM_FORM_TUPLE:
      for (size_t i = 0; i < spec->value.offset && !status; i++)
        status = tmi_flat_add(flat, &spec->value.u.specs[i].spec, name,
                              item(arg, i), error);
      return status;
    default:
      return TM_OK;
  }
}

/* ---- by the compiled kernel ----------------------------------------------- */

static const tm_kernel_descriptor *descriptor_at(const tm_kernel_facts *facts,
                                                 size_t arg) {
  for (size_t i = 0; i < facts->n_descriptors; i++)
    if (facts->descriptors[i].arg == arg) return &facts->descriptors[i];
  return NULL;
}

/* Is d what the kernel was compiled for? */
static tm_status compare(const tm_kernel_descriptor *want,
                         const tm_descriptor *d, const char *who,
                         tm_error **error) {
  if (d->dtype != want->dtype || d->rank != want->rank)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s is a descriptor of %s in %u dimensions; the kernel "
                    "was compiled for %s in %u",
                    who, tmi_dtype_name(d->dtype), (unsigned)d->rank,
                    tmi_dtype_name(want->dtype), (unsigned)want->rank);
  for (uint32_t k = 0; k < d->rank; k++)
    if (d->block_shape[k] != want->block_shape[k])
      return tmi_fail(error, TM_E_ARGUMENT,
                      "%s: block_shape[%u] is %u; the kernel was compiled "
                      "for %u",
                      who, (unsigned)k, (unsigned)d->block_shape[k],
                      (unsigned)want->block_shape[k]);
  if (d->padding != want->padding ||
      !d->round_f32_to_tf32 != !want->round_f32_to_tf32)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: its padding or rounding is not what the kernel was "
                    "compiled for",
                    who);
  return TM_OK;
}

static tm_status add_descriptor(tmi_flat *flat, const tm_kernel_facts *facts,
                                const tm_arg *arg, tm_error **error) {
  char who[WHO];
  const tm_kernel_descriptor *want = descriptor_at(facts, flat->n);
  const char *name = flat->n < facts->n_args ? facts->args[flat->n].name : "?";
  snprintf(who, sizeof who, "kernel '%s': argument %zu ('%s')", flat->kernel,
           flat->n, name);
  tm_descriptor d;
  tm_status status = tmi_descriptor_read(arg, who, &d, error);
  if (status) return status;
  if (!want)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s is no tensor descriptor and is given one", who);
  if ((status = compare(want, &d, who, error))) return status;
  if ((status = tmi_descriptor_check(&d, who, error))) return status;
  return push_descriptor(flat, &d, error);
}

tm_status tmi_flat_add_all(tmi_flat *flat, const tm_kernel_facts *facts,
                           const tm_arg *args, size_t n, uint32_t depth,
                           tm_error **error) {
  tm_status status = TM_OK;
  for (size_t i = 0; i < n && !status; i++) {
    if (args[i].tag == TM_GIVE_DESCRIPTOR) {
      status = add_descriptor(flat, facts, &args[i], error);
    } else if (!is_tuple(&args[i])) {
      status = push(flat, args[i], error);
    } else if (depth == TMI_MOST_DEPTH || (!args[i].u.items && args[i].offset)) {
      status = tmi_fail(error, TM_E_ARGUMENT, "kernel '%s': a tuple %s",
                        flat->kernel,
                        depth == TMI_MOST_DEPTH ? "is nested too deeply"
                                                : "has no items (NULL)");
    } else {
      for (size_t k = 0; k < args[i].offset && !status; k++)
        status = tmi_flat_add_all(flat, facts, item(&args[i], k), 1, depth + 1,
                                  error);
    }
  }
  return status;
}

/* ---- handles among the arguments ------------------------------------------- */

static tm_status check_buffer(const tm_buffer *buffer, const char *function,
                              tm_error **error) {
  if (!buffer || tmi_handle_is_ok(buffer, TMI_BUFFER)) return TM_OK;
  return tmi_fail_handle(buffer, TMI_BUFFER, function, error);
}

static tm_status check_arg(const tm_arg *arg, const char *function,
                           uint32_t depth, tm_error **error) {
  tm_status status = TM_OK;
  if (arg->tag == TM_GIVE_BUFFER)
    return check_buffer(arg->u.buffer, function, error);
  if (arg->tag == TM_GIVE_DESCRIPTOR && arg->u.descriptor)
    return check_buffer(arg->u.descriptor->buffer, function, error);
  /* What is wrong with a tuple itself others tell. */
  if (!is_tuple(arg) || !arg->u.items || depth == TMI_MOST_DEPTH)
    return TM_OK;
  for (size_t i = 0; i < arg->offset && !status; i++)
    status = check_arg(item(arg, i), function, depth + 1, error);
  return status;
}

tm_status tmi_check_args(const tm_arg *args, size_t n, const char *function,
                         tm_error **error) {
  tm_status status = TM_OK;
  for (size_t i = 0; i < n && !status; i++)
    status = check_arg(&args[i], function, 0, error);
  return status;
}
