/* rows.h - a source's file as CSV rows: each one a record
 *
 * What this room is for: what csv and stdin share: header, types, ragged rows.
 * What must hold: (1) every row that is not an empty line is admitted exactly once, a bad one with its fault and its text as
 *   evidence. (2) a position stands behind a row's end, never inside quotes. (3) the header is read again at a resume: it is
 *   at the file's beginning, which the fingerprint covers. */
#pragma once
#include "connectors/cell.h"
#include "connectors/input.h"

struct rows_options {
	const char *delimiter, *quote;
	struct opt_list header; /* const char *[]: "true", or the columns' names */
	struct opt_map types;   /* int[]: enum cell_type */
	bool infer;
};
#define ROWS_OPTIONS(T, member)                                                                    \
	OPT("delimiter", T, member.delimiter, OPT_STRING, const char *, .fallback = ",",           \
	    .doc = "one character between fields; `tab` for a tab"),                               \
		OPT("quote", T, member.quote, OPT_STRING, const char *, .fallback = "\"",          \
		    .doc = "the character around fields that hold delimiters; `none`: there is "   \
			   "none"),                                                                \
		OPT("header", T, member.header, OPT_LIST, struct opt_list, .of = OPT_STRING,       \
		    .fallback = "true",                                                            \
		    .doc = "true: the first row names the columns; or a list of names, if no row " \
			   "does"),                                                                \
		OPT("types", T, member.types, OPT_MAP, struct opt_map, .of = OPT_ENUM,             \
		    .words = cell_types,                                                           \
		    .doc = "columns that are no strings: {age: int, price: float, open: bool, "    \
			   "tags: json}"),                                                         \
		OPT("infer", T, member.infer, OPT_BOOL, bool,                                      \
		    .doc = "fields that look like numbers, true or false become them; empty ones " \
			   "null")
void rows_check(const struct rows_options *, struct diag *); /* in plan() */

struct rows {
	struct input *input; /* borrows; opened */
	struct intake *intake;
	const struct rows_options *options;
	size_t max_line;  /* bytes of one row */
	const char *name; /* of the split */
};
MUST int rows_run(const struct rows *, struct err *) SUSPENDS;
