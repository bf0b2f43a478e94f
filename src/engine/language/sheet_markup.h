/* sheet_markup.h - where in HTML or XML a \( ) stands, and what its value must look like there
 *
 * What this room is for: following a browser's tokenizer (WHATWG HTML, 13.2.5) through the literal text of a template, as
 *   far as is needed to know what a value would be taken for.
 * What must hold: (1) data never moves the machine: what is written for a value cannot end the place that it stands in.
 *   (2) what cannot be decided is a mistake, never a guess. (3) equal places compare equal as bytes. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum escape {
	ESCAPE_NONE,
	ESCAPE_TEXT,     /* text, or a quoted attribute: & < > " ' */
	ESCAPE_URL,      /* all of a URL, or its beginning: the scheme is checked */
	ESCAPE_URL_OPEN, /* behind a beginning that may still become a scheme: ':' is encoded, too */
	ESCAPE_URL_PATH,  /* behind it: what no URL can hold is percent-encoded */
	ESCAPE_URL_QUERY, /* behind '?' or '#': everything but letters and digits is */
	ESCAPE_JSON,      /* in a script: JSON in which no sign means anything to HTML */
	ESCAPE_CSS,       /* in a style: only what can be a number, a word or a colour */
};

struct markup {
	uint8_t place, quote, element, tag, attribute, url, js, dashes;
	bool xml, closing, fresh;
	uint8_t word_n;
	char word[64];
};
struct markup_mistake {
	size_t at, n; /* in the literal; for a value: not set */
	char text[200];
};

void markup_init(struct markup *, bool xml);
/* Passes literal text. false: a mistake. */
MUST bool markup_pass(struct markup *, struct slice literal, struct markup_mistake *);
/* A value stands here. trusted: it is markup itself. false: it must not. */
MUST bool markup_value(struct markup *, bool trusted, enum escape *ret, struct markup_mistake *);
MUST bool markup_end(const struct markup *, struct markup_mistake *);
bool markup_same(const struct markup *, const struct markup *);
const char *markup_where(const struct markup *); /* "in the tag's attributes" */

/* sheet_escape.c: appends the value as `how` wants it. json: what the program gave, not null unless ESCAPE_JSON. */
MUST int escape_put(enum escape how, struct slice json, struct buf *out, struct err *);
