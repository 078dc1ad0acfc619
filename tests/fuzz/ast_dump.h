/* SPDX-License-Identifier: MIT */
/*
 * ast_dump.h - a module's tree as text, for comparing it with CPython's own
 * ast module (compare_ast.py makes the same text from that). Everything the
 * tree holds is in it, positions too.
 */
#ifndef AST_DUMP_H
#define AST_DUMP_H

#include "../../lib/lang/ast.h"

void ast_dump_module(tm_buf *out, const tm_module *module);

#endif
