/* SPDX-License-Identifier: MIT */
/* machine.c - a context, a module and a stream, for tests. */
#include "machine.h"

#include <string.h>

tm_error *machine_error;

void machine_refused(tm_status found, tm_status expected, const char *words) {
  if (found != expected)
    fail_msg("%s instead of %s: %s", tm_status_name(found),
             tm_status_name(expected), tm_error_text(machine_error));
  if (!strstr(tm_error_text(machine_error), words))
    fail_msg("'%s' does not have '%s'", tm_error_text(machine_error), words);
  tm_error_destroy(machine_error);
  machine_error = NULL;
}

machine machine_open(const char *source, const tm_stream_options *options) {
  machine m;
  tm_context_options c = TM_CONTEXT_OPTIONS_INIT;
  c.cache = TM_SWITCH_OFF;
  OK(tm_context_create(&m.context, &c, &machine_error));
  OK(tm_module_parse(&m.module, "ops", "ops.py", source, strlen(source), NULL,
                     &machine_error));
  m.stream = machine_stream(&m, options);
  return m;
}

void machine_close(machine *m) {
  tm_stream_destroy(m->stream);
  tm_module_destroy(m->module);
  tm_context_destroy(m->context);
}

tm_kernel *machine_compile(const machine *m, const char *name,
                           const char *signature) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  OK(tm_compile(&k, m->context, m->module, name, &o, &machine_error));
  return k;
}

tm_buffer *machine_buffer(const machine *m, uint64_t bytes) {
  tm_buffer *b;
  OK(tm_buffer_create(&b, m->context, bytes, NULL, &machine_error));
  memset(tm_buffer_contents(b), 0, bytes);
  return b;
}

tm_stream *machine_stream(const machine *m, const tm_stream_options *options) {
  tm_stream *stream;
  OK(tm_stream_create(&stream, m->context, options, &machine_error));
  return stream;
}

void machine_wait(tm_stream *stream) {
  OK(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &machine_error));
}

tm_stream_facts machine_facts(tm_stream *stream) {
  tm_stream_facts facts = TM_STREAM_FACTS_INIT;
  OK(tm_stream_info(stream, &facts, &machine_error));
  return facts;
}
