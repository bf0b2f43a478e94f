/* spread.h - rows of text into many files: by what their records say, by size, by age
 *
 * What this room is for: the operations of text_sink.h when the path is a template, or `rotate` is given.
 * What must hold: (1) within a file the rows are in the order of the input, and which row is in which file does not depend on how
 *   rows came in batches, but for `every`. (2) all files of a CSV output have the same columns. (3) what parts.h promises. */
#pragma once
#include "connectors/files/parts.h"
#include "connectors/files/text_sink.h"

struct spread {
	const struct text_sink *options; /* borrows */
	struct parts parts;
	struct rendering rendering;
	struct gzip *gzip; /* owns; NULL: as it is */
	struct buf name, row, text, packed;
	size_t *following; /* of the same series: rows of this batch, by row */
	size_t following_cap;
	struct series *first, *last; /* of this round */
	struct parts_piece *pieces;
	size_t n, cap;
	int64_t now_ns;
	bool packs;
};
struct spread *spread_new(struct site *, const struct text_sink *, enum render_format, bool packed);
void spread_free(struct spread *); /* accepts NULL */
MUST int spread_resume(struct spread *, struct resumption *, struct err *) SUSPENDS;
MUST int spread_commit(struct spread *, const struct batch *, struct buf *receipt,
		       struct err *) SUSPENDS;
MUST int spread_finish(struct spread *, struct err *) SUSPENDS;
MUST int spread_stands(struct spread *, struct slice receipt, struct err *why) SUSPENDS;
