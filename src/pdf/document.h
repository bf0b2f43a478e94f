/* document.h - a Markdown document as a tree of blocks
 *
 * What this room is for: md4c reads and tells; this is what it told, as something that can be laid out twice.
 * What must hold: (1) all lies in one arena. (2) text is valid UTF-8; spans lie on characters' borders and nest or follow each other.
 *   (3) blocks are at most DEPTH_MAX deep: what is nested deeper stands at that depth. (4) a few bytes of Markdown can mean a lot: short
 *   rows of a wide table, references that say a long link again. What that comes to has a limit. */
#pragma once
#include "base/arena.h"
#include "pdf/pdf.h"

enum { DEPTH_MAX = 48 };

enum block_kind {
	BLOCK_DOCUMENT,
	BLOCK_QUOTE,
	BLOCK_LIST,
	BLOCK_ITEM,
	BLOCK_RULE,
	BLOCK_PAGE, /* begins a page */
	BLOCK_HEADING,
	BLOCK_CODE,
	BLOCK_PARAGRAPH,
	BLOCK_TABLE,
	BLOCK_ROW,
	BLOCK_CELL
};
enum span_kind {
	SPAN_STRONG,
	SPAN_EMPHASIS,
	SPAN_STRIKE,
	SPAN_UNDERLINE,
	SPAN_CODE,
	SPAN_MARK,
	SPAN_ABOVE,
	SPAN_BELOW,
	SPAN_LINK,
	SPAN_IMAGE,   /* one U+FFFC stands for it */
	SPAN_KEYWORD, /* of code, from here on */
	SPAN_STRING,
	SPAN_NUMBER,
	SPAN_COMMENT
};
struct span {
	enum span_kind kind;
	size_t from, to;     /* bytes of the prose's text */
	struct slice target; /* links: the URL; images: their name */
	struct slice alt;    /* images */
};
struct prose {
	struct slice text; /* U+2028 is a hard break */
	const struct span *spans;
	size_t n;
};
enum cell_align { CELL_DEFAULT, CELL_LEFT, CELL_CENTER, CELL_RIGHT };
struct block {
	enum block_kind kind;
	struct block *parent, *first, *last, *next;
	struct prose prose; /* headings, paragraphs, cells; code */
	struct slice word;  /* code: its language; headings: the name that #links use */
	unsigned number;    /* headings: level; ordered lists: the first number */
	unsigned index;     /* headings: counted from 1 through the document */
	unsigned depth, columns;
	enum cell_align align; /* cells */
	char delimiter;        /* ordered lists: '.' or ')'; else 0 */
	bool tight, task, done, head;
};
struct document {
	struct arena *arena; /* borrows */
	struct block *root;
	struct block **headings; /* as `index` counts, from 0 */
	struct block **by_name;  /* the same, in the order of their names */
	unsigned headings_n;
};

/* 0; -EMSGSIZE: it unfolds to more than memory should hold; -1: `stopped` said so, or there is no memory. */
MUST int document_read(struct document *, struct arena *, struct slice markdown,
		       bool (*stopped)(void *arg), void *arg);
/* The heading that "#name" leads to; NULL: none. */
const struct block *document_anchor(const struct document *, struct slice name);
/* A line of plain text: for the outline, for titles. */
struct slice prose_plain(struct arena *, const struct prose *);
