/* feed_words.h - which element of which vocabulary means what
 *
 * What must hold: where several elements say the same thing, the one with more weight counts, whatever their order. */
#pragma once
#include "connectors/feeds/xml.h"

enum vocabulary {
	WORDS_CORE, /* RSS of all versions: none, or one of its own */
	WORDS_ATOM,
	WORDS_CONTENT,
	WORDS_DC,
	WORDS_TERMS,
	WORDS_MEDIA,
	WORDS_ITUNES,
	WORDS_RDF,
	WORDS_XHTML,
	WORDS_XML,
	WORDS_OTHER,
};
enum field {
	FIELD_NONE,
	FIELD_GUID,
	FIELD_LINK,
	FIELD_TITLE,
	FIELD_SUMMARY,
	FIELD_CONTENT,
	FIELD_AUTHOR,
	FIELD_PUBLISHED,
	FIELD_UPDATED,
	FIELD_CATEGORY,
	FIELDS,
};
enum form {
	FORM_TEXT,    /* as it stands */
	FORM_HTML,    /* escaped, or in CDATA */
	FORM_XHTML,   /* elements, to be written out; Atom's are in a div */
	FORM_MARKUP,  /* the same without one */
	FORM_BY_TYPE, /* Atom: its attribute says */
};
struct rule {
	enum field field; /* FIELD_NONE: the element is read over */
	enum form form;
	uint8_t weight; /* 0: it is one of many */
};

enum vocabulary words_of(struct slice ns);
struct rule words_rule(enum vocabulary, struct slice local);
