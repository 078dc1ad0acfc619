/* SPDX-License-Identifier: MIT */
/*
 * tensors.c - whether a compile may use tensor operations.
 *
 *   asked for      by the options of the compile, else by the settings
 *   the chip       has matrix units (M5)
 *   the device     has passed the probe (metal/metal_tensors.c), which runs
 *                  once for each context, when it first matters; a kernel that
 *                  is compiled for a named chip meets it when it is loaded
 *
 * What the options of a compile ask for and cannot have is an error. What the
 * settings ask for is for every kernel, where it can be had: those that cannot
 * are compiled without, and the log says so.
 */
#define _GNU_SOURCE
#include "context.h"

#include <stdlib.h>

enum { UNKNOWN, WORKS, FAILS };

bool tmi_context_tensors(tm_context *context, const char **trouble) {
  pthread_mutex_lock(&context->tensor_lock);
  if (context->tensors == UNKNOWN) {
    char *text;
    bool works = tm_metal_tensors_probe(&context->device, &text);
    context->tensors = works ? WORKS : FAILS;
    context->tensor_trouble = text;
    if (works)
      tmi_log(context, 1, "tensor operations: %s passes the probe",
              context->device.name);
    else
      tmi_log(context, 0, "tensor operations are off on %s: %s",
              context->device.name, text ? text : "out of memory");
  }
  *trouble = context->tensors == WORKS      ? NULL
             : context->tensor_trouble ? context->tensor_trouble
                                       : "out of memory";
  bool works = context->tensors == WORKS;
  pthread_mutex_unlock(&context->tensor_lock);
  return works;
}

tm_status tmi_choose_tensors(tm_context *context, const char *kernel,
                             const tm_chip *chip, tm_switch asked,
                             bool *chosen, tm_error **error) {
  *chosen = asked == TM_SWITCH_ON ||
            (asked == TM_SWITCH_DEFAULT && context->settings.tensor_ops);
  if (!*chosen) return TM_OK;
  const char *trouble = "it has no matrix units, which came with M5";
  bool here = atomic_load_explicit(&context->has_device,
                                   memory_order_acquire) &&
              context->device_chip == chip;
  if (chip->matrix_unit &&
      (!here || tmi_context_tensors(context, &trouble)))
    return TM_OK;
  *chosen = false;
  if (asked == TM_SWITCH_ON)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "kernel '%s': no tensor operations on %s: %s; leave "
                    "tensor_ops off",
                    kernel, chip->device_name, trouble);
  tmi_log(context, 1, "%s for %s: compiled without tensor operations: %s",
          kernel, chip->name, trouble);
  return TM_OK;
}
