/* SPDX-License-Identifier: MIT */
/*
 * sample_buffer.c - counters by Metal's own door: MTLCounterSampleBuffer with
 * timestamps, and the pass descriptors that say where samples go.
 *
 * As on Apple's GPUs there is one counter set, of timestamps, taken at the
 * ends of encoders only. Timestamps are nanoseconds of the monotonic clock.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ATTACHMENTS = 4, MOST_SAMPLES = 4096 };
#define DONT_SAMPLE ((NSUInteger)-1)

static const char domain[] = "MTLCounterErrorDomain";

static Class set_class, counter_class, descriptor_class, samples_class,
    attachment_class, attachments_class, compute_pass_class, blit_pass_class;

SM_EXPORT extern id MTLCommonCounterSetTimestamp, MTLCommonCounterTimestamp;
id MTLCommonCounterSetTimestamp, MTLCommonCounterTimestamp;

/* ---- the counter set ------------------------------------------------------ */

typedef struct named {
  sm_object base;
  id name;
} named;
SM_OBJECT_GETTER(named, name)

static id make_named(Class cls, id name) {
  named *self = sm_new(cls);
  if (self) self->name = name;
  return sm_autorelease(self);
}
static id set_counters(named *self, SEL cmd) {
  (void)self, (void)cmd;
  id counter = make_named(counter_class, MTLCommonCounterTimestamp);
  return sm_array(&counter, counter ? 1 : 0);
}
id sm_counter_sets(void) {
  id set = make_named(set_class, MTLCommonCounterSetTimestamp);
  return sm_array(&set, set ? 1 : 0);
}

/* ---- sample buffers -------------------------------------------------------- */

typedef struct descriptor {
  sm_object base;
  id set, descriptor_label; /* owned */
  NSUInteger storage, count;
} descriptor;
SM_OBJECT_PROPERTY(descriptor, set)
SM_PROPERTY(descriptor, NSUInteger, storage)
SM_PROPERTY(descriptor, NSUInteger, count)
SM_OBJECT_PROPERTY(descriptor, descriptor_label)
static void descriptor_dealloc(descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->set);
  sm_release(self->descriptor_label);
  sm_object_dealloc(self);
}

struct sm_sample_buffer {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  NSUInteger count, storage;
  _Atomic uint64_t *samples;
};

id sm_sample_buffer_new(sm_device *device, id object, id *error) {
  if (error) *error = NULL;
  descriptor *d = (descriptor *)object;
  const char *refused = NULL;
  if (!sm_is_kind(object, descriptor_class))
    refused = "descriptor is not an MTLCounterSampleBufferDescriptor";
  else if (!sm_is_kind(d->set, set_class))
    refused = "counterSet is none of the device's";
  else if (!d->count || d->count > MOST_SAMPLES)
    refused = "sampleCount must be 1 to 4096";
  else if (d->storage != 0 && d->storage != 2)
    refused = "storageMode must be Shared or Private";
  if (refused) {
    sm_nserror_out(error, domain, 1, refused);
    return NULL;
  }
  sm_sample_buffer *self = sm_new(samples_class);
  if (!self) return NULL;
  self->device = (sm_device *)sm_retain(device);
  sm_set(&self->label, d->descriptor_label);
  self->count = d->count;
  self->storage = d->storage;
  self->samples = calloc(d->count, sizeof *self->samples);
  if (self->samples) return (id)self;
  sm_release(self);
  return NULL;
}

NSUInteger sm_samples_count(const sm_sample_buffer *self) {
  return self->count;
}
void sm_samples_take(sm_sample_buffer *self, NSUInteger index) {
  if (index < self->count)
    atomic_store(&self->samples[index],
                 (uint64_t)(sm_now_seconds() * 1e9));
}
void sm_samples_resolve(sm_sample_buffer *self, NSUInteger first,
                        NSUInteger count, void *out) {
  for (NSUInteger i = 0; i < count && first + i < self->count; i++) {
    uint64_t value = atomic_load(&self->samples[first + i]);
    memcpy((char *)out + i * 8, &value, 8);
  }
}

static id resolve(sm_sample_buffer *self, SEL cmd, NSRange range) {
  if (self->storage != 0 || !range.length || range.location > self->count ||
      range.length > self->count - range.location) {
    sm_misuse(self, cmd, self->storage ? "the storage mode is not Shared"
                                       : "the range is out of bounds");
    return NULL;
  }
  uint64_t *values = calloc(range.length, 8);
  if (!values) return NULL;
  sm_samples_resolve(self, range.location, range.length, values);
  id data = sm_data(values, range.length * 8);
  free(values);
  return data;
}
static NSUInteger samples_count(sm_sample_buffer *self, SEL cmd) {
  return (void)cmd, self->count;
}
static id samples_device(sm_sample_buffer *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
static id samples_label(sm_sample_buffer *self, SEL cmd) {
  return (void)cmd, self->label;
}
static void samples_dealloc(sm_sample_buffer *self, SEL cmd) {
  (void)cmd;
  free(self->samples);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

/* ---- pass descriptors ------------------------------------------------------ */

typedef struct attachment {
  sm_object base;
  id samples; /* owned */
  NSUInteger start, end;
} attachment;
SM_OBJECT_PROPERTY(attachment, samples)
SM_PROPERTY(attachment, NSUInteger, start)
SM_PROPERTY(attachment, NSUInteger, end)
static id attachment_init(attachment *self, SEL cmd) {
  (void)cmd;
  self->start = self->end = DONT_SAMPLE;
  return (id)self;
}
static void attachment_dealloc(attachment *self, SEL cmd) {
  (void)cmd;
  sm_release(self->samples);
  sm_object_dealloc(self);
}

typedef struct attachments {
  sm_object base;
  id items[MOST_ATTACHMENTS]; /* owned, made when asked for */
} attachments;
static id attachment_at(attachments *self, SEL cmd, NSUInteger index) {
  if (index >= MOST_ATTACHMENTS) {
    sm_misuse(self, cmd, "index %lu is over the limit of 3", index);
    return NULL;
  }
  if (!self->items[index]) {
    attachment *made = sm_new(attachment_class);
    if (made) self->items[index] = attachment_init(made, cmd);
  }
  return self->items[index];
}
static void attachment_put(attachments *self, SEL cmd, id item,
                           NSUInteger index) {
  if (index >= MOST_ATTACHMENTS ||
      (item && !sm_is_kind(item, attachment_class)))
    sm_misuse(self, cmd, "no attachment, or index %lu is over 3", index);
  else
    sm_set(&self->items[index], item);
}
static void attachments_dealloc(attachments *self, SEL cmd) {
  (void)cmd;
  for (int i = 0; i < MOST_ATTACHMENTS; i++) sm_release(self->items[i]);
  sm_object_dealloc(self);
}

static id pass_new(Class cls, SEL cmd) {
  (void)cmd;
  return sm_autorelease(sm_new(cls));
}
static id pass_attachments(sm_pass_descriptor *self, SEL cmd) {
  (void)cmd;
  if (!self->attachments) self->attachments = sm_new(attachments_class);
  return self->attachments;
}
SM_PROPERTY(sm_pass_descriptor, NSUInteger, dispatch_type)
static void pass_dealloc(sm_pass_descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->attachments);
  sm_object_dealloc(self);
}

void sm_pass_attach(sm_pass_descriptor *pass, sm_command_buffer *buffer) {
  attachments *all = (attachments *)pass->attachments;
  if (!all || !buffer->n_encoders) return;
  SEL cmd = sel_registerName("computeCommandEncoderWithDescriptor:");
  sm_encoder_info *info = &buffer->encoders[buffer->n_encoders - 1];
  for (int i = 0; i < MOST_ATTACHMENTS; i++) {
    attachment *a = (attachment *)all->items[i];
    if (!a || !a->samples) continue;
    NSUInteger count = ((sm_sample_buffer *)a->samples)->count;
    if (info->samples)
      sm_command_misuse(buffer, buffer, cmd,
                        "the device takes one sample buffer a pass");
    else if ((a->start >= count && a->start != DONT_SAMPLE) ||
             (a->end >= count && a->end != DONT_SAMPLE))
      sm_command_misuse(buffer, buffer, cmd,
                        "a sample index is not below %lu", count);
    else {
      info->samples = (sm_sample_buffer *)sm_retain(a->samples);
      info->sample_start = a->start;
      info->sample_end = a->end;
    }
  }
}

static void register_passes(void) {
  static const sm_method attachment_methods[] = {
      SM_METHOD("init", attachment_init),
      SM_METHOD("sampleBuffer", get_samples),
      SM_METHOD("setSampleBuffer:", set_samples),
      SM_METHOD("startOfEncoderSampleIndex", get_start),
      SM_METHOD("setStartOfEncoderSampleIndex:", set_start),
      SM_METHOD("endOfEncoderSampleIndex", get_end),
      SM_METHOD("setEndOfEncoderSampleIndex:", set_end),
      SM_METHOD("dealloc", attachment_dealloc),
      {NULL, NULL}};
  static const sm_method attachments_methods[] = {
      SM_METHOD("objectAtIndexedSubscript:", attachment_at),
      SM_METHOD("setObject:atIndexedSubscript:", attachment_put),
      SM_METHOD("dealloc", attachments_dealloc),
      {NULL, NULL}};
  static const sm_method pass_methods[] = {
      SM_METHOD("sampleBufferAttachments", pass_attachments),
      SM_METHOD("dispatchType", get_dispatch_type),
      SM_METHOD("setDispatchType:", set_dispatch_type),
      SM_METHOD("dealloc", pass_dealloc),
      {NULL, NULL}};
  static const sm_method compute_make[] = {
      SM_METHOD("computePassDescriptor", pass_new), {NULL, NULL}};
  static const sm_method blit_make[] = {
      SM_METHOD("blitPassDescriptor", pass_new), {NULL, NULL}};
  attachment_class =
      sm_class_make("MTLComputePassSampleBufferAttachmentDescriptor",
                    sm_NSObject, sizeof(attachment), attachment_methods, NULL);
  attachments_class =
      sm_class_make("MTLComputePassSampleBufferAttachmentDescriptorArray",
                    sm_NSObject, sizeof(attachments), attachments_methods,
                    NULL);
  compute_pass_class =
      sm_class_make("MTLComputePassDescriptor", sm_NSObject,
                    sizeof(sm_pass_descriptor), pass_methods, compute_make);
  blit_pass_class =
      sm_class_make("MTLBlitPassDescriptor", sm_NSObject,
                    sizeof(sm_pass_descriptor), pass_methods, blit_make);
}

void sm_register_samples(void) {
  static const sm_method set_methods[] = {
      SM_METHOD("name", get_name),
      SM_METHOD("counters", set_counters),
      {NULL, NULL}};
  static const sm_method counter_methods[] = {SM_METHOD("name", get_name),
                                              {NULL, NULL}};
  static const sm_method descriptor_methods[] = {
      SM_METHOD("counterSet", get_set),
      SM_METHOD("setCounterSet:", set_set),
      SM_METHOD("label", get_descriptor_label),
      SM_METHOD("setLabel:", set_descriptor_label),
      SM_METHOD("storageMode", get_storage),
      SM_METHOD("setStorageMode:", set_storage),
      SM_METHOD("sampleCount", get_count),
      SM_METHOD("setSampleCount:", set_count),
      SM_METHOD("dealloc", descriptor_dealloc),
      {NULL, NULL}};
  static const sm_method samples_methods[] = {
      SM_METHOD("resolveCounterRange:", resolve),
      SM_METHOD("sampleCount", samples_count),
      SM_METHOD("device", samples_device),
      SM_METHOD("label", samples_label),
      SM_METHOD("dealloc", samples_dealloc),
      {NULL, NULL}};
  set_class = sm_class_make("SoftMetalCounterSet", sm_NSObject, sizeof(named),
                            set_methods, NULL);
  counter_class = sm_class_make("SoftMetalCounter", sm_NSObject,
                                sizeof(named), counter_methods, NULL);
  descriptor_class =
      sm_class_make("MTLCounterSampleBufferDescriptor", sm_NSObject,
                    sizeof(descriptor), descriptor_methods, NULL);
  samples_class =
      sm_class_make("SoftMetalCounterSampleBuffer", sm_NSObject,
                    sizeof(sm_sample_buffer), samples_methods, NULL);
  register_passes();
  MTLCommonCounterSetTimestamp = sm_constant_string("timestamp");
  MTLCommonCounterTimestamp = sm_constant_string("GPUTimestamp");
}
