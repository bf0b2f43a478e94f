/* later.c - words of the pipeline language that this version does not speak yet
 *
 * What this room is for: PIPELINE.md describes the whole language. Who writes a word of it that is still to come must
 *   read "not in this version", not "unknown": the file is right, hocket is early.
 * What must hold: a word leaves this table in the change that brings it; the registry and the option tables are asked
 *   first, so that a word left behind does no harm. */
#include "engine/plan/options.h"

#include "base/banned.h"

static const struct {
	const char *word;
	unsigned where;
} words[] = {
	{ "rate", LATER_OF_SOURCE | LATER_OF_SINK },
	{ "on_error", LATER_OF_SOURCE | LATER_OF_PURE | LATER_OF_SINK },
	{ "timeout", LATER_OF_SINK },
	{ "sql", LATER_SOURCE },
	{ "run", LATER_SOURCE | LATER_SINK },
	{ "python", LATER_SOURCE | LATER_SINK },
	{ "nats", LATER_SOURCE | LATER_SINK },
	{ "kafka", LATER_SOURCE | LATER_SINK },
};

bool later_word(struct slice word, enum later where)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if ((words[i].where & where) && slice_eq_str(word, words[i].word))
			return true;
	return false;
}
