/* Where tests/check_docs.sh builds what the documents show in pieces. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern tm_context *context;
extern tm_module *module;
extern tm_kernel *kernel;
extern tm_function *function;
extern tm_stream *stream, *other_stream;
extern tm_buffer *x, *y, *out, *next_x;
extern tm_error *error;
extern tm_status status;
extern tm_grid grid;
extern tm_arg *args;
extern size_t n_args;
extern size_t n;
extern const char *text;
extern size_t length;

void fragment(void);
void fragment(void) {
@FRAGMENT@
}
