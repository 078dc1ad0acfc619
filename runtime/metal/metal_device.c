/* SPDX-License-Identifier: MIT */
/* metal_device.c - MTLDevice: choosing one, and what it can do. */
#define _GNU_SOURCE
#include "metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_name(tm_id device, char *out, size_t size) {
  tm_id name = tm_send_P(device, tm_mtl.sel.name);
  const char *text = name ? tm_send_P(name, tm_mtl.sel.utf8_string) : NULL;
  snprintf(out, size, "%s", text ? text : "a device without a name");
}

static bool is_number(const char *text) {
  return *text && text[strspn(text, "0123456789")] == 0;
}

/* The device of the array that `which` means, +1; else NULL, and the names
 * of all in *names. */
static tm_id pick(tm_id devices, const char *which, char **names) {
  unsigned long n = devices ? tm_send_U(devices, tm_mtl.sel.count) : 0;
  for (unsigned long i = 0; i < n; i++) {
    tm_id device = tm_send_P_U(devices, tm_mtl.sel.object_at, i);
    char name[96];
    copy_name(device, name, sizeof name);
    bool match = is_number(which) ? strtoul(which, NULL, 10) == i
                                  : strstr(name, which) != NULL;
    if (match) return tm_mtl.retain(device);
    char *longer = tm_metal_format("%s%s%lu: %s", *names ? *names : "",
                                   *names ? ", " : "", i, name);
    free(*names);
    *names = longer;
  }
  return NULL;
}

/* The named device, or the default one, or the first of all: either of the
 * two calls has been seen to give nothing where the other does. +1. */
static tm_id choose(const char *which, char **text) {
  bool named = which && *which;
  tm_id device = named ? NULL : tm_mtl.create_device();
  if (device) return device;
  tm_id devices = tm_mtl.copy_devices();
  char *names = NULL;
  device = pick(devices, named ? which : "0", &names);
  tm_metal_release(devices);
  if (!device && named)
    *text = tm_metal_format("no Metal device matches '%s'; there are: %s",
                            which, names ? names : "none");
  else if (!device)
    *text = tm_metal_format(
        "Metal has no device here; virtual machines and sandboxes often have "
        "none");
  free(names);
  return device;
}

/* NSOperatingSystemVersion: three NSIntegers, by structure return. */
typedef struct os_version { long major, minor, patch; } os_version;

static void copy_text(tm_id string, char *out, size_t size) {
  const char *text = string ? tm_send_P(string, tm_mtl.sel.utf8_string) : NULL;
  if (text) snprintf(out, size, "%s", text);
}

/* The system's version, the newest MSL that it has, and the memory. */
static void read_system(tm_metal_device *d) {
  tm_id info = tm_send_P(tm_mtl.cls.process_info, tm_mtl.sel.process_info);
  if (!info || !tm_metal_responds(info, tm_mtl.sel.os_version)) return;
  copy_text(tm_send_P(info, tm_mtl.sel.os_text), d->system,
            sizeof d->system);
  d->memory = tm_send_U(info, tm_mtl.sel.physical_memory);
  os_version v = ((os_version(*)(tm_id, tm_sel))tm_mtl.send_stret)(
      info, tm_mtl.sel.os_version);
  if (v.major >= TM_MACOS_COMPAT_FROM && v.major <= TM_MACOS_COMPAT_TO)
    v.major += TM_MACOS_COMPAT_ADD;
#define ROW(macos, major_, minor_) \
  if (v.major >= macos) d->language_version = (major_ << 16) + minor_;
  TM_MSL_BY_MACOS(ROW)
#undef ROW
  d->macos[0] = (uint32_t)v.major;
  d->macos[1] = (uint32_t)v.minor;
  d->macos[2] = (uint32_t)v.patch;
}

static void read_architecture(tm_metal_device *d) {
  if (!tm_metal_responds(d->object, tm_mtl.sel.architecture)) return;
  tm_id architecture = tm_send_P(d->object, tm_mtl.sel.architecture);
  tm_id name = architecture ? tm_send_P(architecture, tm_mtl.sel.name) : NULL;
  copy_text(name, d->architecture, sizeof d->architecture);
}

static void read_facts(tm_metal_device *d) {
  tm_id object = d->object;
  copy_name(object, d->name, sizeof d->name);
  for (uint32_t n = TM_FAMILY_APPLE_OLDEST; n <= TM_FAMILY_APPLE_NEWEST; n++)
    if (tm_send_B_U(object, tm_mtl.sel.supports_family,
                    TM_FAMILY_APPLE_BASE + n))
      d->family = n;
  d->metal3 = tm_send_B_U(object, tm_mtl.sel.supports_family,
                          TM_FAMILY_METAL3);
  d->metal4 = tm_send_B_U(object, tm_mtl.sel.supports_family,
                          TM_FAMILY_METAL4);
  tm_mtl_size size = ((tm_mtl_size(*)(tm_id, tm_sel))tm_mtl.send_stret)(
      object, tm_mtl.sel.max_threads_size);
  d->max_threads = (uint32_t)size.width;
  d->threadgroup_bytes =
      (uint32_t)tm_send_U(object, tm_mtl.sel.max_threadgroup_memory);
  d->max_buffer = tm_send_U(object, tm_mtl.sel.max_buffer_length);
  d->working_set = tm_send_U(object, tm_mtl.sel.working_set);
  read_system(d);
  read_architecture(d);
}

bool tm_metal_device_open(tm_metal_device *device, const char *which,
                          char **text) {
  memset(device, 0, sizeof *device);
  *text = NULL;
  void *pool = tm_mtl.pool_push();
  device->object = choose(which, text);
  if (device->object) read_facts(device);
  tm_mtl.pool_pop(pool);
  return device->object != NULL;
}

void tm_metal_device_close(tm_metal_device *device) {
  tm_metal_release(device->object);
  device->object = NULL;
}
