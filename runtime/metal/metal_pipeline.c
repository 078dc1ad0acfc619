/* SPDX-License-Identifier: MIT */
/* metal_pipeline.c - a function of a library to a pipeline that runs. */
#include "metal.h"

#include <string.h>

static tm_id make_descriptor(tm_id function, tm_id label) {
  tm_id descriptor = tm_send_P(
      tm_send_P(tm_mtl.cls.pipeline_descriptor, tm_mtl.sel.alloc),
      tm_mtl.sel.init);
  if (!descriptor) return NULL;
  tm_send_v_P(descriptor, tm_mtl.sel.set_function, function);
  tm_send_v_P(descriptor, tm_mtl.sel.set_label, label);
  /* Threadgroups are num_warps whole simdgroups, always. */
  tm_send_v_B(descriptor, tm_mtl.sel.set_simd_multiple, true);
  return descriptor;
}

tm_id tm_metal_pipeline_descriptor(tm_id library, const char *entry,
                                   char **text) {
  tm_id name = tm_metal_string(entry, strlen(entry));
  tm_id function =
      name ? tm_send_P_P(library, tm_mtl.sel.new_function, name) : NULL;
  tm_id descriptor = function ? make_descriptor(function, name) : NULL;
  if (!function)
    *text = tm_metal_format("the library has no function %s", entry);
  tm_metal_release(function);
  tm_metal_release(name);
  return descriptor;
}

/* archive NULL: compiled; else from the archive or not at all. */
static void make(tm_metal_pipeline *pipeline, const tm_metal_device *device,
                 tm_id library, const char *entry, tm_id archive,
                 char **text) {
  tm_id descriptor = tm_metal_pipeline_descriptor(library, entry, text);
  if (!descriptor) return;
  tm_id error = NULL, archives = NULL;
  if (archive) {
    archives = tm_send_P_P(tm_mtl.cls.array, tm_mtl.sel.array_of, archive);
    tm_send_v_P(descriptor, tm_mtl.sel.set_archives, archives);
  }
  if (!archive || archives)
    pipeline->object =
        ((tm_id(*)(tm_id, tm_sel, tm_id, unsigned long, tm_id *,
                   tm_id *))tm_mtl.send)(
            device->object, tm_mtl.sel.new_pipeline, descriptor,
            archive ? TM_PIPELINE_FAIL_ON_ARCHIVE_MISS : 0, NULL, &error);
  if (!pipeline->object) *text = tm_metal_error_text(error);
  tm_metal_release(descriptor);
}

bool tm_metal_pipeline_from_archive(tm_metal_pipeline *pipeline,
                                    const tm_metal_device *device,
                                    tm_id library, const char *entry,
                                    tm_id archive, char **text) {
  memset(pipeline, 0, sizeof *pipeline);
  *text = NULL;
  void *pool = tm_mtl.pool_push();
  make(pipeline, device, library, entry, archive, text);
  tm_id object = pipeline->object;
  if (object) {
    pipeline->max_threads =
        (uint32_t)tm_send_U(object, tm_mtl.sel.max_total_threads);
    pipeline->width = (uint32_t)tm_send_U(object, tm_mtl.sel.execution_width);
    pipeline->static_bytes =
        (uint32_t)tm_send_U(object, tm_mtl.sel.static_memory);
  }
  tm_mtl.pool_pop(pool);
  return object != NULL;
}

bool tm_metal_pipeline_create(tm_metal_pipeline *pipeline,
                              const tm_metal_device *device, tm_id library,
                              const char *entry, char **text) {
  return tm_metal_pipeline_from_archive(pipeline, device, library, entry,
                                        NULL, text);
}

void tm_metal_pipeline_destroy(tm_metal_pipeline *pipeline) {
  tm_metal_release(pipeline->object);
  pipeline->object = NULL;
}
