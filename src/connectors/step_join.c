/* step_join.c - what a record was expanded into comes back to it
 *
 * What this room is for: saying where the children's values go. Knowing when the last of them is here is the engine's.
 * What flows through:    the record as it was expanded, its children; its next version out.
 * What must hold:        a list with every child that has arrived, in the order in which they were made. */
#include "base/banned.h"
#include "base/json.h"
#include "engine/port.h"
#include <errno.h>

struct join_step {
	struct field_path to;
	int missing; /* enum missing */
};

static const char *const missing_words[] = { "dead", "skip", "null", NULL };

static const struct opt options[] = {
	OPT("join", struct join_step, to, OPT_FIELD, struct field_path, .verb = true,
	    .required = true, .doc = "the field that takes the list of them"),
	OPT("missing", struct join_step, missing, OPT_ENUM, int, .words = missing_words,
	    .fallback = "dead",
	    .doc = "when one of them is dead: dead: so is the record, as it was before `emit`; "
		   "skip: "
		   "it goes on without that one; null: with null in its place"),
	OPT_END,
};

static int join_plan(void *options_, struct facts *facts, struct diag *diag)
{
	const struct join_step *o = options_;
	(void)diag;
	facts->missing = (enum missing)o->missing;
	return 0;
}

static int put_list(const struct rec *parent, const struct members *m, struct buf *out)
{
	int r = buf_add_char(out, '[');
	for (size_t i = 0; i < m->n && r == 0; i++) {
		r = i > 0 ? buf_add_char(out, ',') : 0;
		if (r == 0)
			r = m->recs[i] ? rec_put_member(parent, m->recs[i], i, out)
				       : buf_add(out, S("null"));
	}
	return r < 0 ? r : buf_add_char(out, ']');
}

static int join_gather(struct site *site, const struct rec *parent, const struct members *m,
		       struct out *out, struct err *err)
{
	const struct join_step *o = site->options;
	AUTO(buf_done) struct buf list = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	int r = put_list(parent, m, &list);
	if (r == 0)
		r = json_splice(rec_json(parent), o->to.keys, o->to.n, buf_slice(&list), &text);
	if (r == -EMSGSIZE || r == -ENOMEM)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the record would be above 64MB");
	if (r < 0)
		return fail(err, FAULT_BAD_VALUE, "the list cannot be put into the record");
	return out_put(out, rec_gather(parent, m->recs, m->n, &text), err);
}

const struct port step_join = {
	.name = "join",
	.doc = "bring the records that emit made back to theirs",
	.more = "The record goes on as it was before the nearest `emit` above, with a list of what "
		"its parts have become; what was filtered on the way is left out of it.\n"
		"\n"
		"    steps:\n"
		"      - emit: '.urls[] | {url: .}'\n"
		"      - http: \\(.url)\n"
		"        into: .page\n"
		"      - join: .pages\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct join_step),
	.plan = join_plan,
	.gather = join_gather,
};
