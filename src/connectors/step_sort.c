/* step_sort.c - the same records in another order
 *
 * What this room is for: saying what they are sorted by. Holding and sorting them is the engine's.
 * What flows through:    records in, their keys out.
 * What must hold:        the order of keys is jq's order of the values. */
#include "base/banned.h"
#include "engine/port.h"

struct sort_step {
	struct jq *by;
	int64_t window;
	bool desc;
};

static const struct opt options[] = {
	OPT("sort", struct sort_step, by, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "what the records are sorted by; equal ones stay as they came"),
	OPT("window", struct sort_step, window, OPT_INT, int64_t, .min = 1, .max = 100000000,
	    .doc = "so many at a time, one behind the other; else the whole input"),
	OPT("desc", struct sort_step, desc, OPT_BOOL, bool, .doc = "the largest first"),
	OPT_END,
};

static int sort_plan(void *options_, struct facts *facts, struct diag *diag)
{
	const struct sort_step *o = options_;
	(void)diag;
	facts->window = (uint64_t)o->window;
	facts->window_bytes = UINT64_MAX; /* they are never in memory together */
	facts->descending = o->desc;
	return 0;
}

static int sort_key(struct site *site, const struct env *env, struct buf *key,
		    struct err *err) SUSPENDS
{
	const struct sort_step *o = site->options;
	int n = jq_one(o->by, env, key, err);
	return n == 0 ? buf_add(key, S("null")) : n < 0 ? -1 : 0;
}

const struct port step_sort = {
	.name = "sort",
	.doc = "put records into another order",
	.more = "By jq's order: null, false, true, numbers, strings, arrays, objects; [.a, .b] "
		"sorts by "
		"several. No value counts as null. The records wait in the state: in memory are "
		"eight "
		"bytes of each of a window. What comes behind keeps the order.\n"
		"\n"
		"    steps:\n"
		"      - sort: .score\n"
		"        desc: true\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct sort_step),
	.plan = sort_plan,
	.key = sort_key,
};
