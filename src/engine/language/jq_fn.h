/* jq_fn.h - functions of jq between the table (jq_fn.c) and the files that have them */
#pragma once
#include "engine/language/jq_eval.h"

/* From an input and the values of the arguments; GO or RAISED. */
typedef int fn_plain(struct eval *, const struct val *in, const struct val *args, struct val *ret);

/* jq_fn_text.c */
fn_plain fn_tonumber, fn_fromjson, fn_startswith, fn_endswith, fn_ltrimstr;
fn_plain fn_rtrimstr, fn_downcase, fn_upcase, fn_split, fn_bytes, fn_indices, fn_index, fn_rindex;
