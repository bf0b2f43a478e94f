/* sql_text.h - what a statement's text tells before any database is asked */
#pragma once
#include "base/buf.h"
#include "base/lang.h"

struct sql_text {
	bool writes; /* it changes something, or takes locks; SELECT of a function that does is not seen */
	unsigned params;  /* the highest $n */
	size_t second;    /* where a second statement begins; 0: there is none */
	size_t templated; /* where \( stands, from 1; 0: nowhere */
};
void sql_text_read(struct slice text, struct sql_text *ret);
/* Without blanks and semicolons behind it. */
struct slice sql_text_trim(struct slice text);
/* On one line, for messages; cut behind so many bytes. */
MUST int sql_text_put_shown(struct slice text, size_t most, struct buf *out);
