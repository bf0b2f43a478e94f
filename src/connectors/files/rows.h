/* rows.h - a source's file as CSV rows: each one a record
 *
 * What this room is for: what csv and stdin share: dialect, header, types, ragged rows.
 * What must hold: (1) every row that is not an empty line or a comment is admitted exactly once, a bad one with its fault and its
 *   text as evidence. (2) a position stands behind a row's end, never inside quotes. (3) the header is read again at a resume: it
 *   is at the file's beginning, which the fingerprint covers. */
#pragma once
#include "connectors/files/cell.h"
#include "connectors/files/charset.h"
#include "connectors/files/input.h"

struct rows_options {
	const char *delimiter, *quote, *escape, *comment, *decimal, *encoding;
	struct opt_list header; /* const char *[]: "true", "false", or the columns' names */
	struct opt_map types;   /* int[]: enum cell_type */
	struct opt_list nulls;  /* const char *[] */
	int64_t skip;           /* lines */
	int ragged, line_end;
	bool infer, trim;
};
extern const char *const rows_ragged[], *const rows_line_ends[];
#define ROWS_OPTIONS(T, member)                                                                    \
	OPT("delimiter", T, member.delimiter, OPT_STRING, const char *, .fallback = ",",           \
	    .doc = "one character between fields; `tab` for a tab"),                               \
		OPT("quote", T, member.quote, OPT_STRING, const char *, .fallback = "\"",          \
		    .doc = "the character around fields that hold delimiters; `none`: there is "   \
			   "none"),                                                                \
		OPT("escape", T, member.escape, OPT_STRING, const char *, .fallback = "doubled",   \
		    .doc = "how a quote stands in a quoted field: `doubled`, or the character "    \
			   "that makes text of the one behind it, in all fields: '\\'"),           \
		OPT("comment", T, member.comment, OPT_STRING, const char *,                        \
		    .doc = "lines that begin with this character are passed over: '#'"),           \
		OPT("skip", T, member.skip, OPT_INT, int64_t, .max = 1000000,                      \
		    .doc = "so many lines at the beginning are passed over"),                      \
		OPT("header", T, member.header, OPT_LIST, struct opt_list, .of = OPT_STRING,       \
		    .fallback = "true",                                                            \
		    .doc = "true: the first row names the columns; a list of names, if no row "    \
			   "does; false: they are c1, c2, ..."),                                   \
		OPT("types", T, member.types, OPT_MAP, struct opt_map, .of = OPT_ENUM,             \
		    .words = cell_types,                                                           \
		    .doc = "columns that are no strings: {age: int, price: float, open: bool, "    \
			   "tags: json}, or strings of a form: date, timestamp"),                  \
		OPT("infer", T, member.infer, OPT_BOOL, bool,                                      \
		    .doc = "fields that look like JSON numbers, true or false become them, empty " \
			   "ones null; 007, +1 and 1. stay text"),                                 \
		OPT("null", T, member.nulls, OPT_LIST, struct opt_list, .of = OPT_STRING,          \
		    .doc = "texts that mean null, where they are not quoted: ['', NA]"),           \
		OPT("decimal", T, member.decimal, OPT_STRING, const char *, .fallback = ".",       \
		    .doc = "'.' or ',' in floats"),                                                \
		OPT("trim", T, member.trim, OPT_BOOL, bool,                                        \
		    .doc = "blanks around fields, and around their quotes, do not belong to "      \
			   "them"),                                                                \
		OPT("ragged", T, member.ragged, OPT_ENUM, int, .words = rows_ragged,               \
		    .fallback = "dead",                                                            \
		    .doc = "a row with another number of fields: dead: a dead letter; fill: what " \
			   "is missing is null, too many are dead; rest: these go into _rest"),    \
		OPT("line_end", T, member.line_end, OPT_ENUM, int, .words = rows_line_ends,        \
		    .fallback = "lf", .doc = "lf: LF or CRLF; cr: CR alone, as old Macs write"),   \
		ENCODING_OPTION(T, member.encoding)
void rows_check(const struct rows_options *, struct diag *); /* in plan() */

struct rows {
	struct input *input; /* borrows; opened */
	struct intake *intake;
	const struct rows_options *options;
	size_t max_line;  /* bytes of one row */
	const char *name; /* of the split */
};
MUST int rows_run(const struct rows *, struct err *) SUSPENDS;
