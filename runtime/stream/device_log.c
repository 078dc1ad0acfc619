/* SPDX-License-Identifier: MIT */
/*
 * device_log.c - what kernels print and assert.
 *
 * A launch of a kernel with device_print or device_assert gets a buffer of
 * its own, which the text fills with records (lib/msl/emitter_log.c). When
 * the batch has ended the records become lines, in the order in which threads
 * asked for them:
 *
 *     pid (0, 0, 0) idx ( 3) x: 0.500000
 *     pid (0, 0, 0) idx () n: (operand 1) 7
 *
 * as Triton prints them elsewhere. Records beyond the room are counted and
 * said. A false assertion becomes the stream's failure.
 */
#include "../context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LOG_RECORDS = 65536,     /* of one launch: 2 MiB */
  LOG_BYTES = (TM_MSL_LOG_HEADER + LOG_RECORDS * TM_MSL_LOG_WORDS) * 4,
  MOST_TEXT = 8 << 20      /* of a stream that nobody reads */
};

tm_status tmi_log_attach(tm_stream *stream, tmi_batch *batch,
                         tm_kernel *kernel, tm_buffer **out,
                         tm_error **error) {
  *out = NULL;
  if (batch->logs.len == batch->logs.cap) {
    uint32_t more = batch->logs.cap ? batch->logs.cap * 2 : 4;
    void *bigger = realloc(batch->logs.data, more * sizeof(tmi_log_use));
    if (!bigger) return tmi_fail_memory(error);
    batch->logs.data = bigger;
    batch->logs.cap = more;
  }
  tm_buffer *buffer = NULL;
  tm_status status =
      tmi_buffer_create(&buffer, stream->context, LOG_BYTES, NULL, error);
  if (status) return status;
  uint32_t header[TM_MSL_LOG_HEADER] = {0, LOG_RECORDS, 0, 0};
  memcpy(buffer->contents, header, sizeof header);
  batch->logs.data[batch->logs.len++] = (tmi_log_use){buffer, kernel};
  batch->bytes += LOG_BYTES;
  *out = buffer;
  return TM_OK;
}

/* ---- text --------------------------------------------------------------- */

static void add(tm_stream *stream, const char *format, ...)
    TM_PRINTF(2, 3);
static void add(tm_stream *stream, const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n < 0) return;
  size_t size = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
  if (stream->printed_size + size > stream->printed_room) {
    size_t room = (stream->printed_size + size) * 2 + 1024;
    char *bigger = stream->printed_size + size > MOST_TEXT
                       ? NULL : realloc(stream->printed, room);
    if (!bigger) {
      stream->printed_lost += size;
      return;
    }
    stream->printed = bigger;
    stream->printed_room = room;
  }
  memcpy(stream->printed + stream->printed_size, line, size);
  stream->printed_size += size;
}

static int digits(uint32_t x) {
  int n = 0;
  for (; x; x /= 10) n++;
  return n;
}

/* "(3, 12)" of the element in the tile. */
static void index_text(const tm_msl_site *site, uint32_t element, char *out,
                       size_t size) {
  uint32_t at[TM_MAX_RANK] = {0};
  size_t used = 1;
  for (uint32_t d = site->rank; d-- > 0;) {
    at[d] = element % site->shape[d];
    element /= site->shape[d];
  }
  snprintf(out, size, "(");
  for (uint32_t d = 0; d < site->rank && used < size; d++) {
    int n = snprintf(out + used, size - used, "%s%*u", d ? ", " : "",
                     digits(site->shape[d] - 1), (unsigned)at[d]);
    if (n > 0) used += (size_t)n;
  }
  if (used < size) snprintf(out + used, size - used, ")");
}

static void value_text(const tm_msl_site *site, const uint32_t *bits,
                       char *out, size_t size) {
  uint32_t width = tm_scalar_bits(site->scalar);
  uint64_t x = bits[0] | (uint64_t)bits[1] << 32;
  if (tm_scalar_is_float(site->scalar)) {
    float f;
    memcpy(&f, bits, sizeof f);
    if (site->hex) snprintf(out, size, "0x%08x", (unsigned)bits[0]);
    else snprintf(out, size, "%f", (double)f);
    return;
  }
  if (width > 64 || width == 0) width = 32;
  if (width < 64) x &= (UINT64_C(1) << width) - 1;
  if (site->hex) {
    snprintf(out, size, "0x%0*llx", (int)(width + 3) / 4,
             (unsigned long long)x);
  } else if (site->is_signed && width > 1 && x >> (width - 1)) {
    uint64_t high = width < 64 ? ~UINT64_C(0) << width : 0;
    snprintf(out, size, "%lld", (long long)(int64_t)(x | high));
  } else {
    snprintf(out, size, "%llu", (unsigned long long)x);
  }
}

static void print_record(tm_stream *stream, const tm_msl_site *site,
                         const uint32_t *r) {
  char index[128], value[48], operand[32] = "";
  if (site->n_operands == 0) {
    add(stream, "pid (%u, %u, %u)%s\n", (unsigned)r[1], (unsigned)r[2],
        (unsigned)r[3], site->text);
    return;
  }
  index_text(site, r[4], index, sizeof index);
  value_text(site, r + 5, value, sizeof value);
  if (site->n_operands > 1)
    snprintf(operand, sizeof operand, "(operand %u) ",
             (unsigned)site->operand);
  add(stream, "pid (%u, %u, %u) idx %s%s%s%s\n", (unsigned)r[1],
      (unsigned)r[2], (unsigned)r[3], index, site->text, operand, value);
}

/* ---- records ------------------------------------------------------------ */

static void fail_assertion(tm_stream *stream, const tm_kernel *kernel,
                           const tm_msl_site *site, const uint32_t *r,
                           uint32_t failures) {
  char index[128], more[64] = "";
  if (stream->failure) return;
  index_text(site, r[4], index, sizeof index);
  if (failures > 1)
    snprintf(more, sizeof more, "; %u elements failed in all",
             (unsigned)failures);
  tmi_stream_note(stream, tm_metal_format(
      "kernel '%s', %s:%u: device_assert failed: %s, in program (%u, %u, "
      "%u)%s%s%s", kernel->facts.name, site->file, (unsigned)site->line,
      site->text[0] ? site->text : "(no message)", (unsigned)r[1],
      (unsigned)r[2], (unsigned)r[3], site->rank ? ", element " : "",
      site->rank ? index : "", more));
}

static void read_log(tm_stream *stream, const tmi_log_use *use) {
  const uint32_t *words = (const uint32_t *)(const void *)use->buffer->contents;
  const tm_program *p = &use->kernel->program;
  uint32_t asked = words[0], n = asked < LOG_RECORDS ? asked : LOG_RECORDS;
  const uint32_t *failed = NULL;
  uint32_t failures = 0;
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t *r =
        words + TM_MSL_LOG_HEADER + (size_t)i * TM_MSL_LOG_WORDS;
    if (r[0] >= p->n_sites) continue; /* a program that broke its memory */
    if (!p->sites[r[0]].is_assert) {
      print_record(stream, &p->sites[r[0]], r);
      continue;
    }
    if (!failed) failed = r;
    failures++;
  }
  if (asked > n)
    add(stream, "kernel '%s': %u more records of device_print or "
        "device_assert did not fit\n", use->kernel->facts.name,
        (unsigned)(asked - n));
  if (failed)
    fail_assertion(stream, use->kernel, &p->sites[failed[0]], failed,
                   failures);
}

void tmi_log_read(tm_stream *stream, tmi_batch *batch, bool ran) {
  for (uint32_t i = 0; i < batch->logs.len; i++) {
    if (ran) read_log(stream, &batch->logs.data[i]);
    tmi_buffer_release(batch->logs.data[i].buffer);
  }
  batch->logs.len = 0;
}

/* ---- to the program ----------------------------------------------------- */

static void say_lost(tm_stream *stream) {
  uint64_t lost = stream->printed_lost;
  if (!lost) return;
  stream->printed_lost = 0;
  add(stream, "%llu more bytes of device_print were lost, since nobody read "
      "them\n", (unsigned long long)lost);
}

void tmi_log_deliver(tm_stream *stream) {
  tm_context *context = stream->context;
  if (!context->settings.print) return;
  pthread_mutex_lock(&stream->lock);
  char *text = stream->printed;
  size_t size = stream->printed_size;
  stream->printed = NULL;
  stream->printed_size = stream->printed_room = 0;
  pthread_mutex_unlock(&stream->lock);
  for (char *line = text, *end = text ? text + size : NULL; line < end;) {
    char *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop) break;
    *stop = 0;
    context->settings.print(context->settings.payload, line);
    line = stop + 1;
  }
  free(text);
}

size_t tm_stream_read_printed(tm_stream *stream, char *out, size_t size) {
  if (!TMI_IS_THERE(stream, TMI_STREAM) ||
      tmi_is_forked(stream->context))
    return 0;
  pthread_mutex_lock(&stream->lock);
  if (stream->printed_size <= size) say_lost(stream);
  size_t n = stream->printed_size;
  if (out) {
    if (n > size) n = size;
    if (n) memcpy(out, stream->printed, n);
    stream->printed_size -= n;
    if (stream->printed_size)
      memmove(stream->printed, stream->printed + n, stream->printed_size);
  }
  pthread_mutex_unlock(&stream->lock);
  return n;
}
