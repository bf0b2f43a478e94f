/* writer.h - the text that the language model answers: notes, an outline of them, or one section
 *
 * What must hold: the same question gets the same text, in every run and on every machine. */
#pragma once
#include "base/buf.h"

enum wish {
	WISH_NOTES,   /* all of it, under a title */
	WISH_OUTLINE, /* {"title": ..., "field": ..., "sections": [...]} */
	WISH_SECTION  /* one of those sections, under its heading */
};
/* What a question asks for; borrows from its text. */
struct question {
	enum wish wish;
	struct slice topic, section;
};
/* "... section "An example" ... on TOPIC". json: an outline is wanted. */
struct question question_read(struct slice prompt, bool json);
MUST int writer_answer(const struct question *, struct buf *out);
/* The lines of topics.jsonl. */
MUST int writer_topics(struct buf *out);
