/* csv.h - the CSV dialect: fields out of bytes, cells into bytes (RFC 4180)
 *
 * What must hold: (1) what csv_put writes, csv_parse reads back, whatever the text. (2) a quoted field may hold delimiters, quotes
 *   (doubled) and line ends. (3) rows end with LF or CRLF; a lone CR is text. */
#pragma once
#include "base/buf.h"

struct csv_dialect {
	char delimiter, quote; /* quote 0: there are no quotes */
};
/* The character that an option means (NULL: a comma; `tab`); 0: it is not one plain character. */
char csv_delimiter(const char *option);

struct csv_row {
	struct slice *fields; /* borrow from the text, or from `unquoted` */
	size_t n;
	/* its own: */
	size_t cap;
	bool *doubled; /* the field holds doubled quotes */
	struct buf unquoted;
};
void csv_row_done(struct csv_row *);

enum csv_result {
	CSV_ROW,
	CSV_MORE,    /* the text ends inside the row */
	CSV_UNENDED, /* the input ends inside quotes */
	CSV_STRAY,   /* text behind a closing quote */
	CSV_MEMORY,
};
struct csv_end {
	size_t used;  /* bytes of the row with its line end; CSV_STRAY: up to the next line end */
	size_t lines; /* line ends within it */
};
/* One row from the start of text; last: nothing follows the text. An empty line is a row of one empty field. *end is filled
 * with CSV_ROW; else the row holds the fields before the trouble. */
enum csv_result csv_parse(const struct csv_dialect *, struct slice text, bool last,
			  struct csv_row *ret, struct csv_end *end);

/* Appends one cell, quoted if it must be. An empty string is written as "" so that it differs from no value. */
MUST int csv_put(const struct csv_dialect *, struct slice text, struct buf *out);
