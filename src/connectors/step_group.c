/* step_group.c - records with the same key become one that has them all
 *
 * What this room is for: digests: what belongs together is collected until it is time. Holding it, and knowing the time, is the
 *   engine's.
 * What flows through:    records in any order in; {"key": ..., "items": [...], "first": ..., "last": ...} out.
 * What must hold:        every member is an item once, as it was, in the order in which they came. */
#include "base/banned.h"
#include "base/clock.h"
#include "engine/port.h"

struct group_step {
	struct jq *by;
	struct schedule every;
	int64_t most;
	uint64_t bytes;
};

static const struct opt options[] = {
	OPT("group", struct group_step, by, OPT_JQ, struct jq *, .verb = true, .required = true,
	    .doc = "the key: records for which it gives the same become one; nothing counts as "
		   "null, "
		   "which is a key as any other"),
	OPT("every", struct group_step, every, OPT_SCHEDULE, struct schedule,
	    .doc = "when windows close: so long after their first record (24h), or all at the "
		   "moments "
		   "of cron; else at the end of the input"),
	OPT("max", struct group_step, most, OPT_INT, int64_t, .min = 1, .max = 100000,
	    .doc = "a window closes when it has so many records; 100000"),
	OPT("max_bytes", struct group_step, bytes, OPT_SIZE, uint64_t,
	    .doc = "it closes before it is larger than this; a sixteenth of `memory`"),
	OPT_END,
};

static int group_plan(void *options_, struct facts *facts, struct diag *diag)
{
	const struct group_step *o = options_;
	(void)diag;
	facts->window = (uint64_t)o->most;
	facts->window_bytes = o->bytes;
	facts->closes = schedule_is_given(&o->every) ? &o->every : NULL;
	return 0;
}

static int group_key(struct site *site, const struct env *env, struct buf *key,
		     struct err *err) SUSPENDS
{
	const struct group_step *o = site->options;
	int n = jq_one(o->by, env, key, err);
	return n == 0 ? buf_add(key, S("null")) : n < 0 ? -1 : 0;
}

static int put_time(const char *name, int64_t wall_ns, struct buf *out)
{
	int r = buf_printf(out, ",\"%s\":\"", name);
	r = r < 0 ? r : clock_put_utc(out, wall_ns);
	return r < 0 ? r : buf_add_char(out, '"');
}

static int put_digest(const struct members *m, struct buf *out)
{
	int r = buf_add(out, S("{\"key\":"));
	r = r < 0 ? r : buf_add(out, m->key);
	r = r < 0 ? r : buf_add(out, S(",\"items\":"));
	r = r < 0 ? r : rec_put_list(m->recs, m->n, out);
	r = r < 0 ? r : put_time("first", m->first_ns, out);
	r = r < 0 ? r : put_time("last", m->last_ns, out);
	return r < 0 ? r : buf_add_char(out, '}');
}

static int group_build(struct site *site, const struct members *m, struct out *out, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };
	(void)site;
	int r = put_digest(m, &text);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "%zu records are above 64MB as one",
				  m->n);
	return out_put(out, rec_gather(NULL, m->recs, m->n, &text), err);
}

const struct port step_group = {
	.name = "group",
	.doc = "collect the records of each key, and make one of them",
	.more = "Each key has a window, which opens with its first record. It closes with `every`, "
		"counted from that record, or at the moments of cron; with its `max`th record; or "
		"at the end of the input. Then it is one record: {\"key\": ..., \"items\": [...], "
		"\"first\": time, \"last\": time}, the times at which the first and the last of "
		"them "
		"came (UTC). What comes later opens another window.\n"
		"\n"
		"The records wait in the state, not in memory: 60 bytes a key are. They are there "
		"after "
		"a restart, with their times: a window that came due meanwhile closes at once. A "
		"run "
		"that is stopped leaves its windows open, for the next run.\n"
		"\n"
		"    steps:\n"
		"      - group: .reader\n"
		"        every: \"0 6 * * *\"\n"
		"      - template: digest.html\n"
		"        into: .html\n",
	.roles = ROLE_STEP,
	.options = options,
	.options_size = sizeof(struct group_step),
	.plan = group_plan,
	.key = group_key,
	.build = group_build,
};
