/* SPDX-License-Identifier: MIT */
/* soft_code.h - MSL text to code that runs, for tests of softmetal/exec. */
#ifndef TM_TEST_SOFT_CODE_H
#define TM_TEST_SOFT_CODE_H

#include "../../softmetal/exec/exec.h"

/* Compiles the last kernel of text, MSL 3.1 for Apple9; the test fails where
 * that cannot be done. options NULL: none. object NULL, or where the
 * malloc'ed object file and its size go. The caller releases the code. */
sm_code *soft_compile(const char *text, const sm_code_options *options,
                      void **object, size_t *size);

/* How often LLVM's text of the kernel, as code is made of it, has what.
 * options as above. */
unsigned soft_count(const char *text, const sm_code_options *options,
                    const char *what);

#endif
