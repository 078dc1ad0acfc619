/* SPDX-License-Identifier: MIT */
/*
 * metal_library.c - MSL text to an MTLLibrary.
 *
 * The language version is always set, since the default follows the SDK that
 * the host program was linked with; and so is the math mode, whose default
 * differs between systems. Safe and precise is what the generated text
 * relies on: NaN and infinities are kept, and faster functions are asked for
 * by name where they may be used.
 */
#include "metal.h"

static tm_id make_options(uint32_t language_version) {
  tm_id options = tm_send_P(
      tm_send_P(tm_mtl.cls.compile_options, tm_mtl.sel.alloc),
      tm_mtl.sel.init);
  if (!options) return NULL;
  tm_send_v_U(options, tm_mtl.sel.set_language, language_version);
  if (tm_metal_responds(options, tm_mtl.sel.set_math_mode)) {
    tm_send_v_U(options, tm_mtl.sel.set_math_mode, TM_MATH_SAFE);
    if (tm_metal_responds(options, tm_mtl.sel.set_math_functions))
      tm_send_v_U(options, tm_mtl.sel.set_math_functions,
                  TM_MATH_FUNCTIONS_PRECISE);
  } else {
    tm_send_v_B(options, tm_mtl.sel.set_fast_math, false);
  }
  return options;
}

tm_id tm_metal_library_compile(const tm_metal_device *device, const char *msl,
                               size_t length, uint32_t language_version,
                               char **text) {
  *text = NULL;
  void *pool = tm_mtl.pool_push();
  tm_id source = tm_metal_string(msl, length);
  tm_id options = make_options(language_version);
  tm_id library = NULL, error = NULL;
  if (source && options)
    library = ((tm_id(*)(tm_id, tm_sel, tm_id, tm_id, tm_id *))tm_mtl.send)(
        device->object, tm_mtl.sel.new_library, source, options, &error);
  if (!library)
    *text = source ? tm_metal_error_text(error)
                   : tm_metal_format("the generated text is not UTF-8");
  tm_metal_release(options);
  tm_metal_release(source);
  tm_mtl.pool_pop(pool);
  return library;
}
