/* SPDX-License-Identifier: MIT */
/* capture.c - MTLCaptureManager. There is nothing to capture with, so
 * starting fails with MTLCaptureErrorNotSupported and isCapturing is NO. */
#include "metal_objects.h"

typedef struct descriptor {
  sm_object base;
  id object, url; /* owned */
  NSInteger destination;
} descriptor;
SM_OBJECT_PROPERTY(descriptor, object)
SM_OBJECT_PROPERTY(descriptor, url)
SM_PROPERTY(descriptor, NSInteger, destination)
static void descriptor_dealloc(descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->object);
  sm_release(self->url);
  sm_object_dealloc(self);
}

static Class manager_class;

static id shared(Class self, SEL cmd) {
  static id manager;
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  (void)self, (void)cmd;
  pthread_mutex_lock(&lock);
  if (!manager) {
    manager = sm_new(manager_class);
    sm_forget_live(manager);
  }
  pthread_mutex_unlock(&lock);
  return manager;
}
static sm_bool start(id self, SEL cmd, id capture, id *error) {
  (void)self, (void)cmd, (void)capture;
  sm_nserror_out(error, "MTLCaptureErrorDomain", 1,
                 "softmetal does not capture: use SOFTMETAL_COUNTERS or "
                 "SOFTMETAL_CHECK");
  return 0;
}
static void start_plainly(id self, SEL cmd, id what) {
  (void)what;
  sm_misuse(self, cmd, "softmetal does not capture");
}
static void stop(id self, SEL cmd) { sm_misuse(self, cmd, "not capturing"); }
static sm_bool supports(id self, SEL cmd, NSInteger destination) {
  return (void)self, (void)cmd, (void)destination, 0;
}
static sm_bool capturing(id self, SEL cmd) { return (void)self, (void)cmd, 0; }

void sm_register_capture(void) {
  static const sm_method methods[] = {
      SM_METHOD("startCaptureWithDescriptor:error:", start),
      SM_METHOD("startCaptureWithDevice:", start_plainly),
      SM_METHOD("startCaptureWithCommandQueue:", start_plainly),
      SM_METHOD("stopCapture", stop),
      SM_METHOD("supportsDestination:", supports),
      SM_METHOD("isCapturing", capturing),
      {NULL, NULL}};
  static const sm_method class_methods[] = {
      SM_METHOD("sharedCaptureManager", shared), {NULL, NULL}};
  static const sm_method descriptor_methods[] = {
      SM_METHOD("captureObject", get_object),
      SM_METHOD("setCaptureObject:", set_object),
      SM_METHOD("outputURL", get_url),
      SM_METHOD("setOutputURL:", set_url),
      SM_METHOD("destination", get_destination),
      SM_METHOD("setDestination:", set_destination),
      SM_METHOD("dealloc", descriptor_dealloc),
      {NULL, NULL}};
  manager_class = sm_class_make("MTLCaptureManager", sm_NSObject,
                                sizeof(sm_object), methods, class_methods);
  sm_class_make("MTLCaptureDescriptor", sm_NSObject, sizeof(descriptor),
                descriptor_methods, NULL);
}
