/* reader.h - what is open while a document is read; document.c and html.c share it */
#pragma once
#include "pdf/document.h"
#include <md4c.h>

#define LINE_BREAK "\xe2\x80\xa8" /* U+2028 */

struct reader {
	struct document *document;
	struct block *at;   /* the innermost open block */
	struct buf text;    /* of the prose that is open */
	struct span *spans; /* its spans so far */
	size_t spans_n, spans_cap;
	size_t *open; /* indices of those that are open */
	size_t open_n, open_cap;
	const char *hidden; /* within an HTML element of this name nothing is shown */
	bool loose;         /* `at` is a paragraph that md4c did not enter */
	bool html;          /* within a block of HTML */
	unsigned deep, events, blocks;
	struct slice markdown; /* where targets lie that need no copy */
	size_t copied;         /* bytes of the others */
	bool full;             /* too many blocks, or too much was copied */
	bool (*stopped)(void *arg);
	void *arg;
};

MUST int reader_text(struct reader *, struct slice);
void reader_span_open(struct reader *, const struct span *);
void reader_span_close(struct reader *, enum span_kind);
/* mend.c: the text as md4c wants it; borrows, or lies in the arena. */
struct slice markdown_mend(struct arena *, struct slice text);
/* html.c: a piece of raw HTML: a tag or more, with text between them in blocks. */
MUST int reader_html(struct reader *, struct slice);
