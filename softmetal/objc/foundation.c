/* SPDX-License-Identifier: MIT */
/*
 * foundation.c - the few Foundation classes that Metal's API hands around.
 *
 * Immutable NSString (UTF-8 inside), NSNumber, NSArray, NSDictionary, NSURL,
 * NSError, NSData and NSProcessInfo, with the selectors that C programs use
 * (METAL-FACTS 1.18). A message to anything else ends in "unrecognized
 * selector", as it should.
 */
#define _GNU_SOURCE
#include "objc.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Class sm_NSString, sm_NSArray, sm_NSDictionary, sm_NSNumber, sm_NSURL,
    sm_NSError;
static Class data_class, process_info_class;

/* ---- NSString ---------------------------------------------------------- */

enum { UTF8 = 4, ASCII = 1 }; /* NSStringEncoding */

typedef struct string {
  sm_object base;
  char *text; /* zero-terminated UTF-8 */
  size_t length;
} string;

static id string_fill(string *self, const char *text, size_t length) {
  if (!self) return NULL;
  char *copy = malloc(length + 1);
  if (!copy) {
    sm_release(self);
    return NULL;
  }
  if (length) memcpy(copy, text, length);
  copy[length] = 0;
  free(self->text);
  self->text = copy;
  self->length = length;
  return (id)self;
}

id sm_string_new(const char *text, size_t length) {
  return string_fill(sm_new(sm_NSString), text, length);
}

id sm_string(const char *text) {
  return text ? sm_autorelease(sm_string_new(text, strlen(text))) : NULL;
}

id sm_constant_string(const char *text) {
  id made = sm_string_new(text, strlen(text));
  if (made) sm_forget_live(made);
  return made;
}

id sm_string_format(const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  if (n < 0) return NULL;
  id result = sm_string(text);
  free(text);
  return result;
}

const char *sm_string_text(id self) {
  if (!self) return NULL;
  const char *text = ((string *)self)->text;
  return text ? text : "";
}

static id string_utf8(Class self, SEL cmd, const char *text) {
  return (void)self, (void)cmd, sm_string(text);
}
static id string_with_c(Class self, SEL cmd, const char *text, NSUInteger e) {
  (void)self, (void)cmd;
  return e == UTF8 || e == ASCII ? sm_string(text) : NULL;
}
static id string_empty(Class self, SEL cmd) {
  return (void)self, (void)cmd, sm_string("");
}
static id string_with_string(Class self, SEL cmd, id other) {
  return (void)self, (void)cmd, sm_string(sm_string_text(other));
}
static id string_init_utf8(string *self, SEL cmd, const char *text) {
  return (void)cmd, string_fill(self, text, text ? strlen(text) : 0);
}
static id string_init_string(string *self, SEL cmd, id other) {
  return string_init_utf8(self, cmd, sm_string_text(other));
}
static id string_init_c(string *self, SEL cmd, const char *text,
                        NSUInteger encoding) {
  (void)cmd;
  if (encoding == UTF8 || encoding == ASCII)
    return string_fill(self, text, strlen(text));
  sm_release(self);
  return NULL;
}
/* Copies all the same: nothing can then dangle, and sources are small. */
static id string_init_bytes(string *self, SEL cmd, const void *bytes,
                            NSUInteger length, NSUInteger encoding) {
  (void)cmd;
  if (encoding == UTF8 || encoding == ASCII)
    return string_fill(self, bytes, length);
  sm_release(self);
  return NULL;
}
static id string_init_no_copy(string *self, SEL cmd, void *bytes,
                              NSUInteger length, NSUInteger encoding,
                              sm_bool free_it) {
  id result = string_init_bytes(self, cmd, bytes, length, encoding);
  if (free_it && result) free(bytes);
  return result;
}
static void string_dealloc(string *self, SEL cmd) {
  (void)cmd;
  free(self->text);
  sm_object_dealloc(self);
}
static const char *string_text(string *self, SEL cmd) {
  return (void)cmd, sm_string_text((id)self);
}
static const char *string_c_text(string *self, SEL cmd, NSUInteger encoding) {
  (void)cmd;
  return encoding == UTF8 || encoding == ASCII ? sm_string_text((id)self)
                                               : NULL;
}
/* In UTF-16 units, as Foundation counts. */
static NSUInteger string_length(string *self, SEL cmd) {
  (void)cmd;
  NSUInteger units = 0;
  for (size_t i = 0; i < self->length; i++) {
    unsigned char c = (unsigned char)self->text[i];
    units += (c & 0xc0) != 0x80;
    units += c >= 0xf0; /* above U+FFFF: a surrogate pair */
  }
  return units;
}
static NSUInteger string_bytes(string *self, SEL cmd, NSUInteger encoding) {
  (void)cmd;
  return encoding == UTF8 || encoding == ASCII ? self->length : 0;
}
static sm_bool string_equal(string *self, SEL cmd, id other) {
  (void)cmd;
  return sm_is_kind(other, sm_NSString) &&
         strcmp(sm_string_text((id)self), sm_string_text(other)) == 0;
}
static NSUInteger string_hash(string *self, SEL cmd) {
  (void)cmd;
  NSUInteger h = 5381; /* Bernstein */
  for (size_t i = 0; i < self->length; i++)
    h = h * 33 + (unsigned char)self->text[i];
  return h;
}
static id string_self(string *self, SEL cmd) {
  return (void)cmd, (id)self;
}
static id string_append(string *self, SEL cmd, id other) {
  (void)cmd;
  return sm_string_format("%s%s", sm_string_text((id)self),
                          sm_string_text(other));
}

/* ---- NSNumber ---------------------------------------------------------- */

typedef struct number {
  sm_object base;
  enum { NUMBER_SIGNED, NUMBER_UNSIGNED, NUMBER_REAL, NUMBER_BOOL } kind;
  union { int64_t i; uint64_t u; double f; } value;
} number;

static id number_signed(int64_t value, int kind) {
  number *self = sm_new(sm_NSNumber);
  if (!self) return NULL;
  self->kind = kind;
  self->value.i = value;
  return sm_autorelease(self);
}
static id number_real(double value) {
  number *self = sm_new(sm_NSNumber);
  if (!self) return NULL;
  self->kind = NUMBER_REAL;
  self->value.f = value;
  return sm_autorelease(self);
}
static id number_int(Class s, SEL c, int v) {
  return (void)s, (void)c, number_signed(v, NUMBER_SIGNED);
}
static id number_uint(Class s, SEL c, unsigned v) {
  return (void)s, (void)c, number_signed(v, NUMBER_UNSIGNED);
}
static id number_long(Class s, SEL c, long v) {
  return (void)s, (void)c, number_signed(v, NUMBER_SIGNED);
}
static id number_ulong(Class s, SEL c, unsigned long v) {
  return (void)s, (void)c, number_signed((int64_t)v, NUMBER_UNSIGNED);
}
static id number_bool(Class s, SEL c, sm_bool v) {
  return (void)s, (void)c, number_signed(v != 0, NUMBER_BOOL);
}
static id number_double(Class s, SEL c, double v) {
  return (void)s, (void)c, number_real(v);
}
static id number_float(Class s, SEL c, float v) {
  return (void)s, (void)c, number_real(v);
}
static int64_t number_as_int(number *self) {
  return self->kind == NUMBER_REAL ? (int64_t)self->value.f : self->value.i;
}
static long number_get_long(number *self, SEL cmd) {
  return (void)cmd, number_as_int(self);
}
static int number_get_int(number *self, SEL cmd) {
  return (void)cmd, (int)number_as_int(self);
}
static sm_bool number_get_bool(number *self, SEL cmd) {
  return (void)cmd, number_as_int(self) != 0;
}
static double number_get_double(number *self, SEL cmd) {
  (void)cmd;
  if (self->kind == NUMBER_REAL) return self->value.f;
  return self->kind == NUMBER_UNSIGNED ? (double)self->value.u
                                       : (double)self->value.i;
}
static id number_text(number *self, SEL cmd) {
  (void)cmd;
  if (self->kind == NUMBER_REAL)
    return sm_string_format("%.17g", self->value.f);
  if (self->kind == NUMBER_UNSIGNED)
    return sm_string_format("%llu", (unsigned long long)self->value.u);
  return sm_string_format("%lld", (long long)self->value.i);
}

id sm_value_text(id object) {
  if (sm_is_kind(object, sm_NSNumber))
    return number_text((number *)object, NULL);
  return sm_is_kind(object, sm_NSString) ? object : NULL;
}

/* ---- NSArray, NSDictionary --------------------------------------------- */

typedef struct array {
  sm_object base;
  id *items; /* dictionaries: keys at [2i], values at [2i + 1] */
  NSUInteger count;
} array;

static id array_fill(array *self, const id *a, const id *b, NSUInteger count) {
  if (!self) return NULL;
  NSUInteger each = b ? 2 : 1;
  self->items = calloc(count * each + 1, sizeof(id));
  if (!self->items) {
    sm_release(self);
    return NULL;
  }
  self->count = count;
  for (NSUInteger i = 0; i < count; i++) {
    self->items[i * each] = sm_retain(a[i]);
    if (b) self->items[i * each + 1] = sm_retain(b[i]);
  }
  return (id)self;
}

id sm_array(const id *objects, NSUInteger count) {
  return sm_autorelease(array_fill(sm_new(sm_NSArray), objects, NULL, count));
}
NSUInteger sm_array_count(id self) {
  return self ? ((array *)self)->count : 0;
}
id sm_array_at(id self, NSUInteger index) {
  return index < sm_array_count(self) ? ((array *)self)->items[index] : NULL;
}
static id array_empty(Class s, SEL c) {
  return (void)s, (void)c, sm_array(NULL, 0);
}
static id array_one(Class s, SEL c, id object) {
  return (void)s, (void)c, sm_array(&object, 1);
}
static id array_many(Class s, SEL c, const id *objects, NSUInteger count) {
  return (void)s, (void)c, sm_array(objects, count);
}
static id array_init(array *self, SEL cmd, const id *objects,
                     NSUInteger count) {
  return (void)cmd, array_fill(self, objects, NULL, count);
}
static NSUInteger array_count(array *self, SEL cmd) {
  return (void)cmd, self->count;
}
/* Foundation raises NSRangeException, which C cannot catch: the same end. */
static id array_at(array *self, SEL cmd, NSUInteger index) {
  (void)cmd;
  if (index < self->count) return self->items[index];
  fprintf(stderr,
          "softmetal: -[NSArray objectAtIndex:]: index %lu beyond bounds "
          "[0 .. %ld]\n",
          index, (long)self->count - 1);
  abort();
}
static void array_dealloc(array *self, SEL cmd) {
  (void)cmd;
  NSUInteger n =
      self->count *
      (object_getClass((id)self) == sm_NSDictionary ? 2 : 1);
  for (NSUInteger i = 0; self->items && i < n; i++) sm_release(self->items[i]);
  free(self->items);
  sm_object_dealloc(self);
}

id sm_dictionary(const id *values, const id *keys, NSUInteger count) {
  return sm_autorelease(
      array_fill(sm_new(sm_NSDictionary), keys, values, count));
}
static id dictionary_empty(Class s, SEL c) {
  id none = NULL;
  return (void)s, (void)c, sm_dictionary(&none, &none, 0);
}
static id dictionary_one(Class s, SEL c, id value, id key) {
  return (void)s, (void)c, sm_dictionary(&value, &key, 1);
}
static id dictionary_many(Class s, SEL c, const id *values, const id *keys,
                          NSUInteger count) {
  return (void)s, (void)c, sm_dictionary(values, keys, count);
}
static bool keys_equal(id a, id b) {
  if (a == b) return true;
  return sm_is_kind(a, sm_NSString) && string_equal((string *)a, NULL, b);
}
static id dictionary_get(array *self, SEL cmd, id key) {
  (void)cmd;
  for (NSUInteger i = self->count; i-- > 0;)
    if (keys_equal(self->items[2 * i], key)) return self->items[2 * i + 1];
  return NULL;
}
static id dictionary_keys(array *self, SEL cmd) {
  (void)cmd;
  array *keys = sm_new(sm_NSArray);
  if (!keys || !(keys->items = calloc(self->count + 1, sizeof(id)))) {
    sm_release(keys);
    return NULL;
  }
  keys->count = self->count;
  for (NSUInteger i = 0; i < self->count; i++)
    keys->items[i] = sm_retain(self->items[2 * i]);
  return sm_autorelease(keys);
}
NSUInteger sm_dictionary_count(id dictionary) {
  return dictionary ? ((array *)dictionary)->count : 0;
}
void sm_dictionary_each(id dictionary, void (*each)(void *, id, id),
                        void *payload) {
  array *self = (array *)dictionary;
  for (NSUInteger i = 0; self && i < self->count; i++)
    each(payload, self->items[2 * i], self->items[2 * i + 1]);
}

/* ---- NSURL, NSData ----------------------------------------------------- */

typedef struct url {
  sm_object base;
  id path;
} url;

static id url_init(url *self, SEL cmd, id path) {
  (void)cmd;
  if (self) sm_set(&self->path, path);
  return (id)self;
}
static id url_file(Class s, SEL cmd, id path) {
  (void)s;
  return path ? sm_autorelease(url_init(sm_new(sm_NSURL), cmd, path)) : NULL;
}
static id url_path(url *self, SEL cmd) { return (void)cmd, self->path; }
static const char *url_text(url *self, SEL cmd) {
  return (void)cmd, sm_string_text(self->path);
}
const char *sm_url_path(id object) {
  if (!sm_is_kind(object, sm_NSURL)) return NULL;
  return sm_string_text(((url *)object)->path);
}
/* Only file URLs and plain paths have a path. */
static id url_init_string(url *self, SEL cmd, id address) {
  const char *s = sm_string_text(address);
  if (!s) return sm_release(self), NULL;
  if (strncmp(s, "file://", 7) == 0) s += 7;
  return url_init(self, cmd, sm_string(s));
}
static void url_dealloc(url *self, SEL cmd) {
  (void)cmd;
  sm_release(self->path);
  sm_object_dealloc(self);
}

typedef struct data {
  sm_object base;
  void *bytes;
  NSUInteger length;
} data;

static id data_with_bytes(Class s, SEL cmd, const void *bytes,
                          NSUInteger length) {
  (void)s, (void)cmd;
  data *self = sm_new(data_class);
  if (!self) return NULL;
  self->bytes = malloc(length + 1);
  if (!self->bytes) return sm_release(self), NULL;
  if (length) memcpy(self->bytes, bytes, length);
  self->length = length;
  return sm_autorelease(self);
}
id sm_data(const void *bytes, NSUInteger length) {
  return data_with_bytes(NULL, NULL, bytes, length);
}
static const void *data_bytes(data *self, SEL cmd) {
  return (void)cmd, self->bytes;
}
static NSUInteger data_length(data *self, SEL cmd) {
  return (void)cmd, self->length;
}
static void data_dealloc(data *self, SEL cmd) {
  (void)cmd;
  free(self->bytes);
  sm_object_dealloc(self);
}

/* ---- NSError ----------------------------------------------------------- */

typedef struct error {
  sm_object base;
  id domain, user_info;
  NSInteger code;
} error;

static id error_init(error *self, SEL cmd, id domain, NSInteger code,
                     id user_info) {
  (void)cmd;
  if (!self) return NULL;
  sm_set(&self->domain, domain);
  sm_set(&self->user_info, user_info);
  self->code = code;
  return (id)self;
}
static id error_make(Class s, SEL cmd, id domain, NSInteger code,
                     id user_info) {
  (void)s;
  return sm_autorelease(
      error_init(sm_new(sm_NSError), cmd, domain, code, user_info));
}
static NSInteger error_code(error *self, SEL cmd) {
  return (void)cmd, self->code;
}
static id error_domain(error *self, SEL cmd) {
  return (void)cmd, self->domain;
}
static id error_user_info(error *self, SEL cmd) {
  return (void)cmd, self->user_info;
}
static id error_description(error *self, SEL cmd) {
  id text = self->user_info
                ? dictionary_get((array *)self->user_info, cmd,
                                 sm_string("NSLocalizedDescription"))
                : NULL;
  if (text) return text;
  return sm_string_format("The operation couldn't be completed. (%s error "
                          "%ld.)",
                          sm_string_text(self->domain), self->code);
}
static id error_no_text(error *self, SEL cmd) {
  return (void)self, (void)cmd, NULL;
}
static void error_dealloc(error *self, SEL cmd) {
  (void)cmd;
  sm_release(self->domain);
  sm_release(self->user_info);
  sm_object_dealloc(self);
}

id sm_nserror(const char *domain, NSInteger code, const char *message) {
  id key = sm_string("NSLocalizedDescription"), value = sm_string(message);
  return error_make(sm_NSError, NULL, sm_string(domain), code,
                    sm_dictionary(&value, &key, 1));
}

id sm_nserror_text(id object) {
  return object ? error_description((error *)object, NULL) : NULL;
}

id sm_nserror_with(const char *domain, NSInteger code, id user_info) {
  return error_make(sm_NSError, NULL, sm_string(domain), code, user_info);
}

void sm_nserror_out(id *out, const char *domain, NSInteger code,
                  const char *message) {
  if (out) *out = sm_nserror(domain, code, message);
}

/* ---- NSProcessInfo ----------------------------------------------------- */

typedef struct os_version { NSInteger major, minor, patch; } os_version;

/* The release whose Metal is imitated. */
static os_version imitated_version(void) {
  return (os_version){(NSInteger)sm_macos_major(),
                      (NSInteger)sm_macos_minor(), 0};
}

static id process_info(Class s, SEL cmd) {
  (void)s, (void)cmd;
  return sm_autorelease(sm_new(process_info_class));
}
static os_version process_os(id self, SEL cmd) {
  return (void)self, (void)cmd, imitated_version();
}
static id process_os_text(id self, SEL cmd) {
  (void)self, (void)cmd;
  os_version v = imitated_version();
  return sm_string_format("Version %ld.%ld (Build softmetal)", (long)v.major,
                          (long)v.minor);
}
static sm_bool process_at_least(id self, SEL cmd, os_version v) {
  (void)self, (void)cmd;
  os_version imitated = imitated_version();
  if (v.major != imitated.major) return imitated.major > v.major;
  if (v.minor != imitated.minor) return imitated.minor > v.minor;
  return imitated.patch >= v.patch;
}
static uint64_t process_memory(id self, SEL cmd) {
  (void)self, (void)cmd;
  return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}
static NSUInteger process_cpus(id self, SEL cmd) {
  (void)self, (void)cmd;
  return (NSUInteger)sysconf(_SC_NPROCESSORS_ONLN);
}

/* ---- registration ------------------------------------------------------ */

static void register_text(void) {
  static const sm_method string_methods[] = {
      SM_METHOD("initWithUTF8String:", string_init_utf8),
      SM_METHOD("initWithString:", string_init_string),
      SM_METHOD("initWithCString:encoding:", string_init_c),
      SM_METHOD("initWithBytes:length:encoding:", string_init_bytes),
      SM_METHOD("initWithBytesNoCopy:length:encoding:freeWhenDone:",
                string_init_no_copy),
      SM_METHOD("UTF8String", string_text),
      SM_METHOD("fileSystemRepresentation", string_text),
      SM_METHOD("cStringUsingEncoding:", string_c_text),
      SM_METHOD("length", string_length),
      SM_METHOD("lengthOfBytesUsingEncoding:", string_bytes),
      SM_METHOD("maximumLengthOfBytesUsingEncoding:", string_bytes),
      SM_METHOD("isEqualToString:", string_equal),
      SM_METHOD("isEqual:", string_equal),
      SM_METHOD("hash", string_hash),
      SM_METHOD("stringByAppendingString:", string_append),
      SM_METHOD("description", string_self),
      SM_METHOD("dealloc", string_dealloc),
      {NULL, NULL}};
  static const sm_method string_class_methods[] = {
      SM_METHOD("stringWithUTF8String:", string_utf8),
      SM_METHOD("stringWithCString:encoding:", string_with_c),
      SM_METHOD("stringWithString:", string_with_string),
      SM_METHOD("string", string_empty),
      {NULL, NULL}};
  static const sm_method number_methods[] = {
      SM_METHOD("intValue", number_get_int),
      SM_METHOD("unsignedIntValue", number_get_int),
      SM_METHOD("longValue", number_get_long),
      SM_METHOD("longLongValue", number_get_long),
      SM_METHOD("integerValue", number_get_long),
      SM_METHOD("unsignedLongValue", number_get_long),
      SM_METHOD("unsignedIntegerValue", number_get_long),
      SM_METHOD("unsignedLongLongValue", number_get_long),
      SM_METHOD("boolValue", number_get_bool),
      SM_METHOD("doubleValue", number_get_double),
      SM_METHOD("stringValue", number_text),
      SM_METHOD("description", number_text),
      {NULL, NULL}};
  static const sm_method number_class_methods[] = {
      SM_METHOD("numberWithInt:", number_int),
      SM_METHOD("numberWithUnsignedInt:", number_uint),
      SM_METHOD("numberWithLong:", number_long),
      SM_METHOD("numberWithLongLong:", number_long),
      SM_METHOD("numberWithInteger:", number_long),
      SM_METHOD("numberWithUnsignedLong:", number_ulong),
      SM_METHOD("numberWithUnsignedLongLong:", number_ulong),
      SM_METHOD("numberWithUnsignedInteger:", number_ulong),
      SM_METHOD("numberWithBool:", number_bool),
      SM_METHOD("numberWithDouble:", number_double),
      SM_METHOD("numberWithFloat:", number_float),
      {NULL, NULL}};
  sm_NSString = sm_class_make("NSString", sm_NSObject, sizeof(string),
                              string_methods, string_class_methods);
  sm_NSNumber = sm_class_make("NSNumber", sm_NSObject, sizeof(number),
                              number_methods, number_class_methods);
}

static void register_collections(void) {
  static const sm_method array_methods[] = {
      SM_METHOD("initWithObjects:count:", array_init),
      SM_METHOD("count", array_count),
      SM_METHOD("objectAtIndex:", array_at),
      SM_METHOD("objectAtIndexedSubscript:", array_at),
      SM_METHOD("dealloc", array_dealloc),
      {NULL, NULL}};
  static const sm_method array_class_methods[] = {
      SM_METHOD("array", array_empty),
      SM_METHOD("arrayWithObject:", array_one),
      SM_METHOD("arrayWithObjects:count:", array_many),
      {NULL, NULL}};
  static const sm_method dictionary_methods[] = {
      SM_METHOD("count", array_count),
      SM_METHOD("objectForKey:", dictionary_get),
      SM_METHOD("allKeys", dictionary_keys),
      SM_METHOD("dealloc", array_dealloc),
      {NULL, NULL}};
  static const sm_method dictionary_class_methods[] = {
      SM_METHOD("dictionary", dictionary_empty),
      SM_METHOD("dictionaryWithObject:forKey:", dictionary_one),
      SM_METHOD("dictionaryWithObjects:forKeys:count:", dictionary_many),
      {NULL, NULL}};
  sm_NSArray = sm_class_make("NSArray", sm_NSObject, sizeof(array),
                             array_methods, array_class_methods);
  sm_NSDictionary =
      sm_class_make("NSDictionary", sm_NSObject, sizeof(array),
                    dictionary_methods, dictionary_class_methods);
}

void sm_register_foundation(void) {
  static const sm_method url_methods[] = {
      SM_METHOD("initFileURLWithPath:", url_init),
      SM_METHOD("initWithString:", url_init_string),
      SM_METHOD("path", url_path),
      SM_METHOD("fileSystemRepresentation", url_text),
      SM_METHOD("dealloc", url_dealloc),
      {NULL, NULL}};
  static const sm_method url_class_methods[] = {
      SM_METHOD("fileURLWithPath:", url_file), {NULL, NULL}};
  static const sm_method data_methods[] = {
      SM_METHOD("bytes", data_bytes),
      SM_METHOD("length", data_length),
      SM_METHOD("dealloc", data_dealloc),
      {NULL, NULL}};
  static const sm_method data_class_methods[] = {
      SM_METHOD("dataWithBytes:length:", data_with_bytes), {NULL, NULL}};
  static const sm_method error_methods[] = {
      SM_METHOD("initWithDomain:code:userInfo:", error_init),
      SM_METHOD("code", error_code),
      SM_METHOD("domain", error_domain),
      SM_METHOD("userInfo", error_user_info),
      SM_METHOD("localizedDescription", error_description),
      SM_METHOD("description", error_description),
      SM_METHOD("localizedFailureReason", error_no_text),
      SM_METHOD("localizedRecoverySuggestion", error_no_text),
      SM_METHOD("dealloc", error_dealloc),
      {NULL, NULL}};
  static const sm_method error_class_methods[] = {
      SM_METHOD("errorWithDomain:code:userInfo:", error_make), {NULL, NULL}};
  static const sm_method process_methods[] = {
      SM_METHOD("operatingSystemVersion", process_os),
      SM_METHOD("operatingSystemVersionString", process_os_text),
      SM_METHOD("isOperatingSystemAtLeastVersion:", process_at_least),
      SM_METHOD("physicalMemory", process_memory),
      SM_METHOD("processorCount", process_cpus),
      SM_METHOD("activeProcessorCount", process_cpus),
      {NULL, NULL}};
  static const sm_method process_class_methods[] = {
      SM_METHOD("processInfo", process_info), {NULL, NULL}};
  register_text();
  register_collections();
  sm_NSURL = sm_class_make("NSURL", sm_NSObject, sizeof(url), url_methods,
                           url_class_methods);
  data_class = sm_class_make("NSData", sm_NSObject, sizeof(data),
                             data_methods, data_class_methods);
  sm_NSError = sm_class_make("NSError", sm_NSObject, sizeof(error),
                             error_methods, error_class_methods);
  process_info_class =
      sm_class_make("NSProcessInfo", sm_NSObject, sizeof(sm_object),
                    process_methods, process_class_methods);
}
