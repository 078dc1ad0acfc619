/* SPDX-License-Identifier: MIT */
/*
 * metal_archive.c - MTLBinaryArchive: pipelines' native code in a file.
 *
 * Native code fits one GPU under one build of the system only, and Metal
 * finds it by the whole library that the function came from: who keeps such
 * files knows them by all three.
 */
#include "metal.h"

#include <string.h>

/* An autoreleased NSURL; NULL when it cannot be. */
static tm_id file_url(const char *path) {
  tm_id text = tm_metal_string(path, strlen(path));
  tm_id url =
      text ? tm_send_P_P(tm_mtl.cls.url, tm_mtl.sel.file_url, text) : NULL;
  tm_metal_release(text);
  return url;
}

/* An archive from the file, or an empty one. +1. */
static tm_id open_archive(const tm_metal_device *device, const char *path,
                          char **text) {
  tm_id url = path ? file_url(path) : NULL, error = NULL, archive = NULL;
  tm_id descriptor = tm_send_P(
      tm_send_P(tm_mtl.cls.archive_descriptor, tm_mtl.sel.alloc),
      tm_mtl.sel.init);
  if (descriptor && (url || !path)) {
    if (url) tm_send_v_P(descriptor, tm_mtl.sel.set_url, url);
    archive = ((tm_id(*)(tm_id, tm_sel, tm_id, tm_id *))tm_mtl.send)(
        device->object, tm_mtl.sel.new_archive, descriptor, &error);
  }
  if (!archive) *text = tm_metal_error_text(error);
  tm_metal_release(descriptor);
  return archive;
}

tm_id tm_metal_archive_open(const tm_metal_device *device, const char *path,
                            char **text) {
  *text = NULL;
  void *pool = tm_mtl.pool_push();
  tm_id archive = open_archive(device, path, text);
  tm_mtl.pool_pop(pool);
  return archive;
}

bool tm_metal_archive_save(const tm_metal_device *device, tm_id library,
                           const char *entry, const char *path, char **text) {
  *text = NULL;
  void *pool = tm_mtl.pool_push();
  tm_id archive = open_archive(device, NULL, text), error = NULL;
  tm_id descriptor =
      archive ? tm_metal_pipeline_descriptor(library, entry, text) : NULL;
  tm_id url = descriptor ? file_url(path) : NULL;
  bool ok =
      url &&
      ((tm_objc_bool(*)(tm_id, tm_sel, tm_id, tm_id *))tm_mtl.send)(
          archive, tm_mtl.sel.archive_add, descriptor, &error) != 0 &&
      ((tm_objc_bool(*)(tm_id, tm_sel, tm_id, tm_id *))tm_mtl.send)(
          archive, tm_mtl.sel.archive_write, url, &error) != 0;
  if (!ok && descriptor) *text = tm_metal_error_text(error);
  tm_metal_release(descriptor);
  tm_metal_release(archive);
  tm_mtl.pool_pop(pool);
  return ok;
}
