/* SPDX-License-Identifier: MIT */
/*
 * picture.c - the end of `make demo`: a scene, ray-marched by the Triton
 * kernel examples/kernels/ray_march.py, to build/demo.png.
 *
 * The picture is judged by what can be known without marching: the two
 * coloured balls are where straight lines meet two spheres, and the sky is
 * where lines that go up meet none of the things in the scene.
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { WIDTH = 1280, HEIGHT = 720, BLOCK = 128 };

/* ---- PNG (ISO/IEC 15948): signature, IHDR, IDAT, IEND ------------------- */

static void put_word(unsigned char *at, uint32_t x) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(x >> (24 - 8 * i));
}

static bool write_chunk(FILE *file, const char *type,
                        const unsigned char *data, size_t size) {
  unsigned char word[4];
  put_word(word, (uint32_t)size);
  bool ok = fwrite(word, 1, 4, file) == 4 && fwrite(type, 1, 4, file) == 4 &&
            fwrite(data, 1, size, file) == size;
  uLong sum = crc32(0, (const Bytef *)type, 4);
  if (size) sum = crc32(sum, data, (uInt)size);
  put_word(word, (uint32_t)sum);
  return ok && fwrite(word, 1, 4, file) == 4;
}

/* Rows of red, green, blue behind a filter byte of 0, compressed. */
static unsigned char *pack_rows(const unsigned char *pixels, uLong *size) {
  uLong row = 1 + 3 * (uLong)WIDTH, total = row * HEIGHT;
  unsigned char *rows = malloc(total);
  *size = compressBound(total);
  unsigned char *packed = malloc(*size);
  if (!rows || !packed) {
    free(rows);
    free(packed);
    return NULL;
  }
  for (size_t y = 0; y < HEIGHT; y++) {
    unsigned char *to = rows + y * row;
    *to++ = 0;
    for (size_t x = 0; x < WIDTH; x++, to += 3)
      memcpy(to, pixels + 4 * (y * WIDTH + x), 3);
  }
  int status = compress2(packed, size, rows, total, 6);
  free(rows);
  if (status == Z_OK) return packed;
  free(packed);
  return NULL;
}

static bool write_png(const char *path, const unsigned char *pixels) {
  static const unsigned char signature[8] = {0x89, 'P', 'N', 'G',
                                             '\r', '\n', 0x1a, '\n'};
  unsigned char header[13] = {0};
  put_word(header, WIDTH);
  put_word(header + 4, HEIGHT);
  header[8] = 8; /* bits of a sample */
  header[9] = 2; /* red, green, blue */
  uLong size;
  unsigned char *packed = pack_rows(pixels, &size);
  FILE *file = packed ? fopen(path, "wb") : NULL;
  bool ok = file && fwrite(signature, 1, 8, file) == 8 &&
            write_chunk(file, "IHDR", header, sizeof header) &&
            write_chunk(file, "IDAT", packed, size) &&
            write_chunk(file, "IEND", NULL, 0);
  if (file && fclose(file) != 0) ok = false;
  free(packed);
  return ok;
}

/* ---- what the picture must show ------------------------------------------ */

/* How far from the ball's middle the pixel's line passes, in its radius. */
static double passes(const double d[3], double x, double y, double z,
                     double radius) {
  double to[3] = {x, y - 0.35, z}; /* from the eye */
  double along = to[0] * d[0] + to[1] * d[1] + to[2] * d[2];
  double square = to[0] * to[0] + to[1] * to[1] + to[2] * to[2];
  return sqrt(square - along * along) / radius;
}

/* Pixels that are not as geometry says, of those that it says something of. */
static size_t wrong_pixels(const unsigned char *pixels, size_t *judged) {
  size_t wrong = 0;
  *judged = 0;
  for (size_t row = 0; row < HEIGHT; row += 3) {
    for (size_t column = 0; column < WIDTH; column += 3) {
      double d[3] = {(2.0 * ((double)column + 0.5) - WIDTH) / HEIGHT,
                     (HEIGHT - 2.0 * ((double)row + 0.5)) / HEIGHT - 0.12,
                     1.9};
      double n = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
      for (int i = 0; i < 3; i++) d[i] /= n;
      const unsigned char *p = pixels + 4 * (row * WIDTH + column);
      double left = passes(d, -2.1, -0.35, 5.2, 0.65);
      double right = passes(d, 1.9, -0.5, 4.9, 0.5);
      bool is_sky = d[1] > 0.02 && passes(d, 0, 0, 6, 1.7) > 1 && left > 1.05 &&
                    right > 1.05;
      if (left > 0.5 && right > 0.5 && !is_sky) continue;
      ++*judged;
      if (left < 0.5) wrong += !(p[0] > p[2]);
      else if (right < 0.5) wrong += !(p[2] > p[0]);
      else wrong += !(p[2] >= p[0] && p[2] > 150);
    }
  }
  return wrong;
}

/* ---- rendering ------------------------------------------------------------ */

bool bench_picture(bench_gpu *gpu, const char *path) {
  enum { PIXELS = WIDTH * HEIGHT };
  tm_error *error = NULL;
  tm_buffer *image;
  bench_check(tm_buffer_create(&image, gpu->context, 4 * PIXELS, NULL, &error),
              error);
  tm_module *module = bench_module("ray_march.py");
  tm_kernel *kernel = bench_kernel(gpu, module, "ray_march_kernel",
                                   "*u8:16, i32:16, i32:16, 128, 2", 4);
  tm_arg args[3] = {tm_arg_buffer(image, 0), tm_arg_int(WIDTH),
                    tm_arg_int(HEIGHT)};
  double start = bench_seconds();
  bench_launch(gpu, kernel, tm_grid_1d(PIXELS / BLOCK), args, 3);
  double seconds = bench_seconds() - start;
  const unsigned char *pixels = tm_buffer_contents(image);
  size_t judged, wrong = wrong_pixels(pixels, &judged);
  bool written = write_png(path, pixels);
  printf("\na scene of %d x %d pixels, 4 rays each with mirrors and shadows: "
         "%.0f ms, %.1f million pixels a second\n"
         "%s%s; %zu of %zu pixels that geometry foretells are %s\n",
         WIDTH, HEIGHT, seconds * 1e3, PIXELS / seconds * 1e-6,
         written ? "written to " : "cannot be written to ", path,
         wrong ? wrong : judged, judged, wrong ? "WRONG" : "right");
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  tm_buffer_destroy(image);
  return written && !wrong && judged > 1000;
}
