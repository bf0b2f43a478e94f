/* step_batch.c - many records become one that has them all
 *
 * What this room is for: what is done for a hundred at once: a request with a list, a file of a thousand lines. Holding them is the
 *   engine's.
 * What flows through:    records in the order in which they came; {"items": [...]} out.
 * What must hold:        every member is an item once, as it was. */
#include "base/banned.h"
#include "engine/port.h"

struct batch_step {
	int64_t records;
	int64_t linger_ns;
	uint64_t bytes;
};

static const struct opt options[] = {
	OPT("batch", struct batch_step, records, OPT_INT, int64_t, .verb = true, .required = true,
	    .min = 1, .max = 100000, .doc = "so many records become one"),
	OPT("linger", struct batch_step, linger_ns, OPT_DURATION, int64_t,
	    .doc = "so long after its first record it is closed, however few it has; else it waits "
		   "until it is full or the input ends"),
	OPT("max_bytes", struct batch_step, bytes, OPT_SIZE, uint64_t,
	    .doc = "it is closed before it is larger than this; a sixteenth of `memory`"),
	OPT_END,
};

static int batch_plan(void *options_, struct facts *facts, struct diag *diag)
{
	const struct batch_step *o = options_;
	(void)diag;
	facts->window = (uint64_t)o->records;
	facts->window_bytes = o->bytes;
	facts->linger_ns = o->linger_ns;
	return 0;
}

static int batch_build(struct site *site, const struct members *m, struct out *out, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	(void)site;
	int r = buf_add(&text, S("{\"items\":"));
	r = r < 0 ? r : rec_put_list(m->recs, m->n, &text);
	r = r < 0 ? r : buf_add_char(&text, '}');
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "%zu records are above 64MB as one",
				  m->n);
	return out_put(out, rec_gather(NULL, m->recs, m->n, &text), err);
}

const struct port step_batch = {
	.name = "batch",
	.doc = "turn many records into one",
	.more = "The records, as they come, are the `items` of one; the last one has what is left "
		"at "
		"the end of the input. What it waits for lies in the state and costs no memory.\n"
		"\n"
		"    steps:\n"
		"      - batch: 100\n"
		"      - http: POST https://api.example.com/orders\n"
		"        body: \\(.items)\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct batch_step),
	.plan = batch_plan,
	.build = batch_build,
};
