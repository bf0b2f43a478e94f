/* option_rate.c - `rate: 500/min burst 50 per .customer`
 *
 * What this room is for: a rate as people say it: units and words, with a jq program at the end of it.
 * What flows through:    one node in, one struct rate_option out.
 * What must hold:
 *  (1) `per host` is the word; any other `per` begins a program, which goes on to the end.
 *  (2) what is out of range is said here: a window of more than a year could not be counted in. */
#include "engine/options.h"

#include <errno.h>

#include "base/banned.h"

#define WINDOW_MAX_NS (366 * INT64_C(86400) * 1000000000)

static const char per_word[] = " per ";

/* Where the program of `per <jq>` begins; text.n: there is none. */
static size_t key_begins(struct slice text)
{
	size_t per = strlen(per_word);
	for (size_t i = 0; i + per <= text.n; i++) {
		struct slice rest = slice_from(text, i), word, more;
		if (!slice_starts(rest, slice_str(per_word)))
			continue;
		rest = slice_trim(slice_from(rest, per));
		(void)slice_cut(rest, ' ', &word, &more);
		if (!slice_eq(word, S("host")))
			return text.n - rest.n;
	}
	return text.n;
}

bool option_parse_rate(struct planner *p, const struct opt *o, const struct node *node,
		       struct rate_option *ret)
{
	static const char wants[] =
		"a rate such as 500/min, 10/s burst 5, 1/s per host or 10/s per .customer";
	if (node->kind == NODE_MAP)
		return option_refuse(p, node, "write it as 500/min",
				     "a rate as a mapping is not in this version of hocket yet");
	if (node->kind == NODE_LIST)
		return option_refuse_kind(p, o, node, wants);
	struct slice text = slice_trim(node->text), starts = text;
	size_t at = key_begins(text);
	if (at < text.n)
		starts = slice_head(text, at - strlen(per_word));
	int r = units_rate(starts, &ret->starts);
	if (r == -ERANGE || (r == 0 && ret->starts.per_ns > WINDOW_MAX_NS))
		return option_refuse(p, node, NULL,
				     "'%s' is out of range: a burst is at most N, and T a year",
				     o->name);
	if (r < 0)
		return option_refuse_kind(p, o, node, wants);
	if (at == text.n)
		return true;
	if (ret->starts.per_host)
		return option_refuse(p, node, "write the host into the program",
				     "'%s' is either per host or per program", o->name);
	ret->key = option_compile(p, o, node, at + (size_t)(text.p - node->text.p));
	return ret->key != NULL;
}
