/* step_set.c - add fields to each record, or replace them
 *
 * What this room is for: the small change: `map` without having to name everything that stays.
 * What flows through:    one record in, its next version out. The program gives an object; its members are laid over the
 *                        record's, top level only.
 * What must hold:        what is not named stays byte for byte (numbers keep their digits); all programs see the record as
 *                        it was, not each other's results. */
#include "base/banned.h"
#include "base/json.h"
#include "connectors/value.h"
#include "engine/port.h"

struct set_step {
	struct jq *program;
};

static const struct opt options[] = {
	OPT("set", struct set_step, program, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "fields to add or replace: a mapping of key to program, or a program that gives "
		   "an object"),
	OPT_END,
};

static int fail_merge(struct err *err, int why)
{
	return fail_errno(err, FAULT_TOO_LARGE, why, "set cannot make the record");
}

/* text = text with one member of the patch laid over it. */
static int merge_member(struct buf *text, struct slice raw_key, struct slice value, struct err *err)
{
	AUTO(buf_done) struct buf key = { 0 }, merged = { 0 };
	int r = json_unquote(raw_key, &key);
	struct slice path = buf_slice(&key);
	if (r == 0)
		r = json_splice(buf_slice(text), &path, 1, value, &merged);
	if (r < 0)
		return fail_merge(err, r);
	buf_done(text);
	*text = buf_take(&merged);
	return 0;
}

static int merge(struct slice record, struct slice patch, struct buf *text, struct err *err)
{
	struct json_iter it = json_iter(patch);
	struct slice key, value;
	int r = buf_add(text, record);
	if (r < 0)
		return fail_merge(err, r);
	while (json_next(&it, &key, &value))
		if (merge_member(text, key, value, err) < 0)
			return -1;
	return 0;
}

static int set_apply(struct site *site, const struct rec *rec, const struct env *env,
		     struct out *out, struct err *err) SUSPENDS
{
	const struct set_step *o = site->options;
	AUTO(buf_done) struct buf patch = { 0 }, text = { 0 };
	int n = jq_one(o->program, env, &patch, err);
	if (n <= 0)
		return n;
	if (value_check_object(buf_slice(&patch), "set", err) < 0)
		return -1;
	if (merge(env->record, buf_slice(&patch), &text, err) < 0)
		return -1;
	return out_put(out, rec_next(rec, &text), err);
}

const struct port step_set = {
	.name = "set",
	.doc = "add fields to each record, or replace them",
	.more = "Everything else stays as it is. `empty` filters the record.\n"
		"\n"
		"    steps:\n"
		"      - set: {total: .qty * .price, seen: true}\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct set_step),
	.apply = set_apply,
};
