/* step_unique.c - let each key through once
 *
 * What this room is for: deduplication: the first record with a key passes, the others are counted as duplicates.
 * What flows through:    one record in; the same, or nothing (duplicate).
 * What must hold:        a key is a value: no value, and null, which would make one of all records that lack it, are the record's mistake. */
#include "base/banned.h"
#include "base/json.h"
#include "engine/port.h"

struct unique_step {
	struct jq *key;
	int64_t for_ns;
};

static const struct opt options[] = {
	OPT("unique", struct unique_step, key, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "what must differ: the first record with a value passes, the others are "
		   "duplicates"),
	OPT("for", struct unique_step, for_ns, OPT_DURATION, int64_t,
	    .doc = "how long a value is remembered, whatever runs meanwhile; without: as long as "
		   "runs go on behind each other"),
	OPT_END,
};

static int unique_plan(void *of, struct facts *facts, struct diag *diag)
{
	const struct unique_step *o = of;
	(void)diag;
	facts->claims_ns = o->for_ns ? o->for_ns : CLAIMS_WITH_RUNS;
	return 0;
}

static int unique_apply(struct site *site, const struct rec *rec, const struct env *env,
			struct out *out, struct err *err) SUSPENDS
{
	const struct unique_step *o = site->options;
	AUTO(buf_done) struct buf key = { 0 };
	(void)rec;
	int r = jq_one(o->key, env, &key, err);
	if (r < 0)
		return -1;
	if (r == 0 || json_type(buf_slice(&key)) == JSON_NULL)
		return fail(err, FAULT_BAD_VALUE,
			    "the key is %s: give it a value with //, or leave such records out "
			    "with `if:` or `where:`",
			    r ? "null" : "no value");
	r = out_claim(out, buf_slice(&key), err);
	if (r > 0)
		out_keep(out);
	return r < 0 ? -1 : 0;
}

const struct port step_unique = {
	.name = "unique",
	.doc = "let each key through once",
	.more = "The first record with a key passes; the others are counted as duplicates. Keys "
		"are "
		"kept in the state: a run that was killed,\n"
		"and one that goes on behind a finished one, know them. With `for` they are "
		"remembered so "
		"long, also when a run starts over.\n"
		"A record that dies later gives its key back. Behind a step that calls out the "
		"record that "
		"comes first passes: so put it early.\n"
		"\n"
		"    steps:\n"
		"      - unique: .guid\n"
		"        for: 7d\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct unique_step),
	.plan = unique_plan,
	.apply = unique_apply,
};
