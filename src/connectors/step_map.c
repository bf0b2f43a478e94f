/* step_map.c - each record becomes what a jq program makes of it
 *
 * What this room is for: the reshaping step. It never suspends: the engine fuses it into the fiber before it.
 * What flows through:    one record in, its next version out; none when the program gives no value (filtered).
 * What must hold:        a next version is an object and keeps the blobs of the one before. */
#include "base/banned.h"
#include "connectors/value.h"
#include "engine/port.h"

struct map_step {
	struct jq *program;
};

static const struct opt options[] = {
	OPT("map", struct map_step, program, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "what the record becomes: a program, or a mapping of key to program"),
	OPT_END,
};

static int map_apply(struct site *site, const struct rec *rec, const struct env *env,
		     struct out *out, struct err *err) SUSPENDS
{
	const struct map_step *o = site->options;
	AUTO(buf_done) struct buf text = { 0 };
	int n = jq_one(o->program, env, &text, err);
	if (n <= 0)
		return n;
	if (value_check_object(buf_slice(&text), "map", err) < 0)
		return -1;
	return out_put(out, rec_next(rec, &text), err);
}

const struct port step_map = {
	.name = "map",
	.doc = "make each record anew with jq",
	.more = "The record becomes what the program gives; what it does not name is gone. `empty` "
		"filters the record.\n"
		"In a mapping an empty value is jq's shorthand: `id:` is `id: .id`.\n"
		"\n"
		"    steps:\n"
		"      - map: {id, total: '.lines | map(.qty * .price) | add'}\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct map_step),
	.apply = map_apply,
};
