/* SPDX-License-Identifier: MIT */
/*
 * launch.c - a checked launch into a stream's open batch.
 *
 * The encoder remembers its pipeline and bindings, so that a launch in a row
 * sends only what differs; nothing is allocated once a stream's batches have
 * grown to their size.
 */
#include "../context.h"

/* ---- encoding ----------------------------------------------------------- */

bool tmi_dispatch_keep(tmi_batch *batch, const tmi_dispatch *d) {
  tm_kernel *kernel = d->kernel;
  if (!tmi_batch_keep_kernel(batch, kernel)) return false;
  for (uint32_t i = 0; i < kernel->program.n_args; i++)
    if (kernel->slots[i].is_buffer &&
        !tmi_batch_keep_buffer(batch, d->args[i].u.buffer))
      return false;
  return true;
}

/* A buffer argument: by address, or where it is not bound already. */
static void encode_buffer(tmi_encoder *encoder, const tmi_slot *slot,
                          const tm_arg *arg) {
  tm_id object = arg->u.buffer->object;
  if (slot->by_address) {
    tm_metal_use_buffer(encoder->object, object);
    return;
  }
  uint64_t offset = arg->u.buffer->offset + arg->offset;
  tmi_binding *bound = &encoder->bound[slot->slot];
  if (bound->object == object && bound->offset == offset) return;
  *bound = (tmi_binding){object, offset};
  tm_metal_set_buffer(encoder->object, object, offset, slot->slot);
}

void tmi_dispatch_encode(const tmi_dispatch *d, tmi_encoder *encoder,
                         const tm_buffer *log) {
  const tm_kernel *kernel = d->kernel;
  const tm_program *program = &kernel->program;
  void *pool = tm_mtl.pool_push();
  if (encoder->pipeline != kernel->pipeline.object) {
    encoder->pipeline = kernel->pipeline.object;
    tm_metal_set_pipeline(encoder->object, encoder->pipeline);
  }
  for (uint32_t i = 0; i < program->n_args; i++)
    if (kernel->slots[i].is_buffer)
      encode_buffer(encoder, &kernel->slots[i], &d->args[i]);
  if (program->scalars_size) {
    encoder->bound[program->scalars_slot].object = NULL;
    tm_metal_set_bytes(encoder->object, d->scalars, program->scalars_size,
                       program->scalars_slot);
  }
  if (log) {
    encoder->bound[program->log_slot].object = NULL;
    tm_metal_set_buffer(encoder->object, log->object, log->offset,
                        program->log_slot);
  }
  tm_metal_dispatch(encoder->object,
                    (tm_mtl_size){d->grid.x, d->grid.y, d->grid.z},
                    (tm_mtl_size){program->threads, 1, 1});
  tm_mtl.pool_pop(pool);
}

tm_status tmi_dispatch_queue(tm_stream *stream, const tmi_dispatch *d,
                             tm_error **error) {
  tmi_batch *batch;
  tm_kernel *kernel = d->kernel;
  tmi_profile_mark mark = tmi_profile_begin(stream->context);
  tm_status status = mark.begin > 0
                         ? tmi_profile_batch(stream, &batch, &mark, error)
                         : tmi_stream_batch(stream, &batch, error);
  if (status) return status;
  if (!tmi_dispatch_keep(batch, d)) return tmi_fail_memory(error);
  tm_buffer *log = NULL;
  if (kernel->program.uses_log &&
      (status = tmi_log_attach(stream, batch, kernel, &log, error)))
    return status;
  if (kernel->program.uses_addresses &&
      !tmi_exposed_use(stream->context, batch))
    return tmi_fail_memory(error);
  tmi_stream_order(stream, batch, d);
  tmi_dispatch_encode(d, &batch->encoder, log);
  if (mark.session) tmi_profile_record(stream, batch, d, &mark);
  status = tmi_stream_count(stream, error);
  if (mark.session) tmi_profile_queued(stream->context, &mark);
  return status;
}

tm_status tmi_launch(tm_stream *stream, const tm_target *into,
                     tm_kernel *kernel, tm_grid grid, const tm_arg *args,
                     size_t n_args, tm_error **error) {
  if (into) return tmi_launch_into(into, kernel, grid, args, n_args, error);
  tmi_dispatch dispatch;
  tm_status status = tmi_dispatch_prepare(stream->context, kernel, grid, args,
                                          n_args, &dispatch, error);
  if (status) return status;
  if (tmi_graph_record(stream, kernel, grid, args, &status, error))
    return status;
  pthread_mutex_lock(&stream->lock);
  status = tmi_dispatch_queue(stream, &dispatch, error);
  pthread_mutex_unlock(&stream->lock);
  tmi_buffers_end(stream->context);
  if (stream->context->settings.debug_level >= 2)
    tmi_log(stream->context, 2, "launch %s, grid %u x %u x %u",
            kernel->facts.name, (unsigned)grid.x, (unsigned)grid.y,
            (unsigned)grid.z);
  return status;
}

tm_status tmi_launch_flat(tm_stream *stream, const tm_target *into,
                          tm_kernel *kernel, tm_grid grid, const tm_arg *args,
                          size_t n_args, tm_error **error) {
  size_t i = 0;
  while (i < n_args && args[i].tag < TM_GIVE_DESCRIPTOR) i++;
  if (i == n_args)
    return tmi_launch(stream, into, kernel, grid, args, n_args, error);
  tmi_flat flat = {.kernel = kernel->facts.name, .n = 0};
  tm_status status =
      tmi_flat_add_all(&flat, &kernel->facts, args, n_args, 0, error);
  if (status) return status;
  return tmi_launch(stream, into, kernel, grid, flat.args, flat.n, error);
}

tm_status tm_launch(tm_stream *stream, tm_kernel *kernel, tm_grid grid,
                    const tm_arg *args, size_t n_args, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_HANDLE(kernel, TMI_KERNEL, error);
  TMI_CHECK_ALIVE(stream, error);
  TMI_CHECK(args != NULL || !n_args, error);
  tm_status status = tmi_check_args(args, n_args, __func__, error);
  if (status) return status;
  return tmi_launch_flat(stream, NULL, kernel, grid, args, n_args, error);
}
