/* rendering.h - records as lines of text: JSON lines or CSV
 *
 * What this room is for: jsonl, csv and stdout write the same lines to different places.
 * What must hold: (1) rendering touches no world and never parks. (2) one batch gives the same bytes however often it is tried,
 *   as long as the columns stand. (3) columns stand once a header is out; until then each try may choose anew. */
#pragma once
#include "connectors/files/csv.h"
#include "engine/port.h"

enum render_format { RENDER_JSONL, RENDER_CSV };
extern const char *const render_formats[]; /* the words, for an OPT_ENUM */

struct render_options {
	struct opt_list fields; /* const char *[]; n 0: all */
	const char *delimiter;
};
/* One line of an option table each. */
#define FIELDS_OPTION(T, member)                                                     \
	OPT("fields", T, member.fields, OPT_LIST, struct opt_list, .of = OPT_STRING, \
	    .doc = "write only these fields of the record, in this order")
#define DELIMITER_OPTION(T, member)                                                      \
	OPT("delimiter", T, member.delimiter, OPT_STRING, const char *, .fallback = ",", \
	    .doc = "one character between cells; `tab` for a tab")
void render_check(const struct render_options *, struct diag *);

struct rendering {
	const struct render_options *options; /* borrows */
	enum render_format format;
	struct csv_dialect dialect;
	struct buf *columns; /* decoded names */
	size_t n;
	struct slice *values; /* scratch: one record's cells */
	struct site *site;    /* borrows: who is told */
	bool told;            /* that text cannot hold blobs */
};
void rendering_init(struct rendering *, struct site *, enum render_format,
		    const struct render_options *);
void rendering_done(struct rendering *);

/* CSV: the columns are those of a header that stands already. FAULT_CONFIG: it differs from `fields`. */
MUST int rendering_columns(struct rendering *, struct slice header_row, const char *file,
			   struct err *);
/* CSV: the header of `fields`; nothing without them. */
MUST int rendering_header(struct rendering *, struct buf *out, struct err *);
/* CSV: a header whose columns are `fields` or the keys of the batch's first record; nothing for an empty batch. */
MUST int rendering_begin(struct rendering *, const struct batch *, struct buf *out, struct err *);
/* Of a blob only its description is written; the first time that is told. */
MUST int rendering_line(struct rendering *, const struct rec *, struct buf *out, struct err *);
/* Records from `from` on, until out holds `enough` bytes or the batch ends; returns where it stopped, -1. header: CSV begins
 * with one, whose columns are `fields` or the first record's keys. */
MUST int rendering_put(struct rendering *, const struct batch *, size_t from, bool header,
		       size_t enough, struct buf *out, struct err *);
