/* csv.h - the CSV dialect: fields out of bytes, cells into bytes (RFC 4180 and what people make of it)
 *
 * What must hold: (1) what csv_put writes, csv_parse reads back, whatever the text. (2) a quoted field may hold delimiters, quotes
 *   (doubled) and line ends. (3) rows end with LF or CRLF, and a lone CR is text; or with CR alone, if the dialect says so.
 *   (4) an escape takes its power from the character behind it, quoted or not. */
#pragma once
#include "base/buf.h"

struct csv_dialect {
	char delimiter, quote; /* quote 0: there are no quotes */
	char escape;           /* 0: only doubled quotes */
	bool cr;               /* rows end with CR, and LF is text */
	bool trim;             /* blanks around fields do not belong to them */
};
/* The character that an option means (NULL: a comma; `tab`); 0: it is not one plain character. */
char csv_delimiter(const char *option);

enum csv_flag { CSV_QUOTED = 1, CSV_ESCAPED = 2 }; /* ESCAPED: it was not written as it is */
struct csv_row {
	struct slice *fields; /* borrow from the text, or from `unquoted` */
	uint8_t *flags;       /* of each field: csv_flag */
	size_t n;
	/* its own: */
	size_t cap;
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
