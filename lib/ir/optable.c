/* SPDX-License-Identifier: MIT */
/* optable.c - the table of operations, from ops.def. */
#include "irint.h"

const tm_op_info tm_op_infos[TM_OPS] = {
  {"none", 0, 0, 0, TM_RULE_NONE, TM_FORMAT_CUSTOM, 0},
#define TM_OP(id, name, in, out, regions, rule, format, flags) \
  {name, in, out, regions, TM_RULE_##rule, TM_FORMAT_##format, flags},
#include "ops.def"
#undef TM_OP
};
