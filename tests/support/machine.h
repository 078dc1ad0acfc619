/* SPDX-License-Identifier: MIT */
/* machine.h - a context, a module and a stream, for tests of streams and
 * launches. What fails here fails the test. */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include <tritonmetal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

extern tm_error *machine_error;
/* Fails the test with the error's text. */
#define OK(call)                                                       \
  do {                                                                 \
    if (call) fail_msg("%s: %s", #call, tm_error_text(machine_error)); \
  } while (0)
/* The call must fail with that status and a text that has the words; the error
 * is destroyed. */
#define REFUSED(call, status, words) machine_refused((call), status, words)
void machine_refused(tm_status found, tm_status expected, const char *words);

typedef struct machine {
  tm_context *context;
  tm_module *module;
  tm_stream *stream;
} machine;

/* Without a cache. options: the stream's; NULL: defaults. */
machine machine_open(const char *source, const tm_stream_options *options);
void machine_close(machine *m);
tm_kernel *machine_compile(const machine *m, const char *name,
                           const char *signature);
tm_buffer *machine_buffer(const machine *m, uint64_t bytes); /* of zeros */
tm_stream *machine_stream(const machine *m, const tm_stream_options *options);
void machine_wait(tm_stream *stream);
tm_stream_facts machine_facts(tm_stream *stream);

#endif
