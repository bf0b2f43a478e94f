/* option_rate.c - `rate: 500/min burst 50 per .customer`, `rate: {per: 1m, requests: 500, tokens: 200000, cost: ...}`
 *
 * What this room is for: a rate as people say it: units and words, with a jq program at the end of it.
 * What flows through:    one node in, one struct rate_option out.
 * What must hold:
 *  (1) `per host` is the word; any other `per` begins a program, which goes on to the end.
 *  (2) what is out of range is said here: a window of more than a year could not be counted in. */
#include "engine/plan/options.h"

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

/* ---- as a mapping ------------------------------------------------------------------------------------------ */
struct rate_map {
	int64_t per_ns, requests, burst, tokens;
	bool per_host;
	struct jq *key, *cost, *used;
};
static const struct opt rate_table[] = {
	OPT("per", struct rate_map, per_ns, OPT_DURATION, int64_t, .required = true,
	    .doc = "the window: 1m"),
	OPT("requests", struct rate_map, requests, OPT_INT, int64_t, .min = 1, .max = 1000000000,
	    .doc = "so many starts in it"),
	OPT("burst", struct rate_map, burst, OPT_INT, int64_t, .min = 1, .max = 1000000000,
	    .doc = "so many of them at once"),
	OPT("tokens", struct rate_map, tokens, OPT_INT, int64_t, .min = 1, .max = 1000000000000000,
	    .doc = "what all requests in it may cost together"),
	OPT("cost", struct rate_map, cost, OPT_JQ, struct jq *,
	    .doc = "what a request will cost, guessed from the record"),
	OPT("used", struct rate_map, used, OPT_JQ, struct jq *, .response = true,
	    .doc = "what it did cost, from the answer: $res.body.usage.total_tokens"),
	OPT("key", struct rate_map, key, OPT_JQ, struct jq *,
	    .doc = "each value of it has its own"),
	OPT("per_host", struct rate_map, per_host, OPT_BOOL, bool, .doc = "each host has its own"),
	OPT_END,
};

static const char *contradiction(const struct rate_map *m)
{
	if (!m->requests && !m->tokens)
		return "needs requests or tokens";
	if ((m->tokens != 0) != (m->cost != NULL))
		return m->cost ? "needs tokens: the limit of the cost"
			       : "needs cost: the tokens that a request will take";
	if (m->used && !m->tokens)
		return "needs tokens, if it knows what was used";
	if (m->burst > m->requests)
		return "has a burst above its requests";
	if (m->per_ns <= 0 || m->per_ns > WINDOW_MAX_NS)
		return "has a window of more than nothing and at most a year";
	return m->key && m->per_host ? "is either per host or has a key" : NULL;
}

static bool parse_mapping(struct planner *p, const struct opt *o, const struct node *node,
			  struct rate_option *ret)
{
	struct rate_map *m = NULL;
	if (!option_parse_mapping(p, o, rate_table, sizeof *m, node, &m))
		return false;
	const char *why = contradiction(m);
	if (why)
		return option_refuse(p, node, NULL, "'%s' %s", o->name, why);
	if (m->requests)
		ret->starts = (struct rate){ m->requests, m->per_ns, m->burst, m->per_host };
	ret->starts.per_host = m->per_host;
	ret->key = m->key;
	ret->tokens = m->tokens;
	ret->tokens_per_ns = m->per_ns;
	ret->cost = m->cost;
	ret->used = m->used;
	return true;
}

/* ---- as text --------------------------------------------------------------------------------------------------- */
bool option_parse_rate(struct planner *p, const struct opt *o, const struct node *node,
		       struct rate_option *ret)
{
	static const char wants[] =
		"a rate such as 500/min, 10/s burst 5, 1/s per host or 10/s per .customer";
	if (node->kind == NODE_MAP)
		return parse_mapping(p, o, node, ret);
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
