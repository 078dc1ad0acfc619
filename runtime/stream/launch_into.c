/* SPDX-License-Identifier: MIT */
/*
 * launch_into.c - a launch in a host's encoder or command buffer.
 *
 *   target ENCODER         -> pipeline, bindings and dispatch go to it; it
 *                             stays open
 *   target COMMAND_BUFFER  -> the same in an encoder of its own, then ended
 *
 * No stream is involved: nothing is batched, ordered or committed here, that
 * is the host's. What the launch uses must outlive the GPU's work all the same:
 * a batch that is none of a stream's keeps it, and a completed handler on the
 * host's command buffer lets it go.
 */
#include "../context.h"

/* What is checked of an object before a message that only its class has. */
static tm_status check_command(tm_context *context, tm_id command,
                               tm_error **error) {
  if (!tm_metal_command_belongs(command, &context->device))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the command buffer of the target is not an "
                    "MTLCommandBuffer of the kernel's device");
  if (tm_metal_command_is_open(command)) return TM_OK;
  return tmi_fail(error, TM_E_ARGUMENT,
                  "the command buffer of the target is committed already");
}

static tm_status check_target(tm_context *context, const tm_target *t,
                              tm_error **error) {
  TMI_CHECK(t->object != NULL, error);
  if (t->kind == TM_TARGET_COMMAND_BUFFER) {
    TMI_CHECK(!t->command_buffer || t->command_buffer == t->object, error);
    return check_command(context, t->object, error);
  }
  if (t->kind != TM_TARGET_ENCODER)
    return tmi_fail(error, TM_E_ARGUMENT, "a target has no kind %u",
                    (unsigned)t->kind);
  if (!tm_metal_encoder_belongs(t->object, &context->device))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the target is not an MTLComputeCommandEncoder of the "
                    "kernel's device");
  return t->command_buffer ? check_command(context, t->command_buffer, error)
                           : TM_OK;
}

/* On a thread of Metal's. */
static void let_go(void *payload, tm_id command) {
  tmi_batch *keeper = payload;
  tm_context *context = keeper->kernels.data[0]->context;
  tmi_context_retain(context);
  tmi_batch_free(keeper);
  tmi_buffers_end(context);
  tmi_context_release(context);
}

/* Encodes into the keeper's encoder, which is open. */
static tm_status encode_kept(tm_context *context, tmi_batch *keeper,
                             const tmi_dispatch *d, tm_error **error) {
  if (!tmi_dispatch_keep(keeper, d)) return tmi_fail_memory(error);
  if (d->kernel->program.uses_addresses && !tmi_exposed_use(context, keeper))
    return tmi_fail_memory(error);
  tmi_dispatch_encode(d, &keeper->encoder, NULL);
  return TM_OK;
}

static tm_status encode_into(tm_context *context, const tm_target *t,
                             const tmi_dispatch *d, tm_error **error) {
  bool own = t->kind == TM_TARGET_COMMAND_BUFFER;
  tm_id command = own ? t->object : t->command_buffer;
  tmi_batch *keeper = tmi_batch_new();
  if (!keeper) return tmi_fail_memory(error);
  tm_status status = TM_OK;
  keeper->encoder.object =
      own ? tm_metal_encoder_new(command, false, NULL) : t->object;
  if (!keeper->encoder.object)
    status = tmi_fail(error, TM_E_ARGUMENT,
                      "the command buffer gives no encoder: end the one that "
                      "is open in it, or make that one the target");
  if (!status) status = encode_kept(context, keeper, d, error);
  if (own && keeper->encoder.object)
    tm_metal_encoder_end(keeper->encoder.object, NULL);
  keeper->encoder.object = NULL;
  if (!status && command)
    tm_metal_command_on_end(command, let_go, keeper);
  else
    tmi_batch_free(keeper);
  tmi_buffers_end(context);
  return status;
}

tm_status tmi_launch_into(const tm_target *given, tm_kernel *kernel,
                          tm_grid grid, const tm_arg *args, size_t n_args,
                          tm_error **error) {
  tm_target target;
  tm_context *context = kernel->context;
  tm_status status = tmi_options(&target, sizeof target, sizeof target, given,
                                 "tm_target", error);
  if (!status) status = tmi_context_device(context, error);
  if (!status) status = check_target(context, &target, error);
  if (status) return status;
  if (kernel->program.uses_log)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "kernel '%s' prints or asserts, which a stream reads when "
                    "its work has ended: launch it on a stream, or compile it "
                    "without device_print and device_assert",
                    kernel->facts.name);
  tmi_dispatch dispatch;
  status = tmi_dispatch_prepare(context, kernel, grid, args, n_args,
                                &dispatch, error);
  if (!status) status = encode_into(context, &target, &dispatch, error);
  return status;
}

tm_status tm_launch_into(const tm_target *target, tm_kernel *kernel,
                         tm_grid grid, const tm_arg *args, size_t n_args,
                         tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(target != NULL, error);
  TMI_HANDLE(kernel, TMI_KERNEL, error);
  TMI_CHECK_ALIVE(kernel, error);
  TMI_CHECK(args != NULL || !n_args, error);
  tm_status status = tmi_check_args(args, n_args, __func__, error);
  if (status) return status;
  return tmi_launch_flat(NULL, target, kernel, grid, args, n_args, error);
}
