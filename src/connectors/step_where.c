/* step_where.c - keep the records for which a jq program is true
 *
 * What this room is for: filtering. It never suspends: the engine fuses it into the fiber before it.
 * What flows through:    one record in; the same, or nothing (filtered).
 * What must hold:        truth is jq's: everything but false, null and no value at all. */
#include "base/banned.h"
#include "engine/port.h"

struct where_step {
	struct jq *program;
};

static const struct opt options[] = {
	OPT("where", struct where_step, program, OPT_JQ, struct jq *, .verb = true,
	    .required = true, .truth = true,
	    .doc = "keeps the record when this is neither false nor null"),
	OPT_END,
};

static int where_apply(struct site *site, const struct rec *rec, const struct env *env,
		       struct out *out, struct err *err) SUSPENDS
{
	const struct where_step *o = site->options;
	(void)rec;
	int yes = jq_truth(o->program, env, err);
	if (yes > 0)
		out_keep(out);
	return yes < 0 ? -1 : 0;
}

const struct port step_where = {
	.name = "where",
	.doc = "keep the records for which a jq program is true",
	.more = "The others are counted as filtered; they are not errors.\n"
		"\n"
		"    steps:\n"
		"      - where: .status == \"active\" and .age >= 18\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct where_step),
	.apply = where_apply,
};
