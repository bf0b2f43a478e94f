/* step_emit.c - each record becomes many
 *
 * What this room is for: unfolding: the lines of an order, the items of a list.
 * What flows through:    one record in; every value of the program is a child of it. No value: filtered.
 * What must hold:        children are objects, in the program's order, and the same ones when the step runs again. */
#include "base/banned.h"
#include "connectors/value.h"
#include "engine/port.h"

struct emit_step {
	struct jq *program;
};

static const struct opt options[] = {
	OPT("emit", struct emit_step, program, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "gives the records that take this one's place, one by one"),
	OPT_END,
};

struct children {
	const struct rec *parent;
	struct out *out;
};

static int give_child(void *arg, struct slice value, struct err *err)
{
	const struct children *c = arg;
	AUTO(buf_done) struct buf text = { 0 };
	if (value_check_object(value, "emit", err) < 0)
		return -1;
	int r = buf_add(&text, value);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "emit gave a record above 64MB");
	return out_put(c->out, rec_next(c->parent, &text), err);
}

static int emit_plan(void *options_, struct facts *facts, struct diag *diag)
{
	(void)options_;
	(void)diag;
	facts->many = true;
	return 0;
}

static int emit_apply(struct site *site, const struct rec *rec, const struct env *env,
		      struct out *out, struct err *err) SUSPENDS
{
	const struct emit_step *o = site->options;
	struct children children = { rec, out };
	return jq_each(o->program, env, give_child, &children, err);
}

const struct port step_emit = {
	.name = "emit",
	.doc = "turn each record into several",
	.more = "The record is done when the last of them is. A program without a value filters "
		"the record.\n"
		"\n"
		"    steps:\n"
		"      - emit: '.id as $order | .lines[] | {order: $order, sku, qty}'\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct emit_step),
	.plan = emit_plan,
	.apply = emit_apply,
};
