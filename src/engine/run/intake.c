/* intake.c - the source's side: admission, budget, reading on after a fault
 *
 * What this room is for: a source runs in one fiber and gives records one at a time; admit() is where backpressure
 *   reaches it, and where bytes from outside are checked.
 * What flows through:    arrivals in, items into flow().
 * What must hold:
 *  (1) admit() takes the record in every case. (2) what the mark says is settled is passed over, not done again.
 *  (3) a source that fails in a way that may pass is run again from where admission stopped. */
#include "engine/call/doubt.h"
#include "engine/again/replay.h"
#include "engine/run/rounds.h"
#include "engine/run/stopping.h"

#include "base/json.h"
#include <errno.h>
#include <string.h>

enum { SOURCE_RETRIES = 4 };

/* Files are named from the pipeline's folder, so that a state that moves along with it still knows them. */
static const char *beneath(const char *folder, const char *name)
{
	size_t n = folder ? strlen(folder) : 0;
	return n > 0 && strncmp(name, folder, n) == 0 && name[n] == '/' ? name + n + 1 : name;
}

static bool is_mine(const struct intake *in, struct split *s)
{
	size_t me = in->source->index + 1;
	if (s->source == 0)
		s->source = me;
	return s->source == me;
}

/* The same file may stand twice in `from:`, and each API has its pages; what a source before this one reads is not ours. */
struct split *intake_split(struct intake *in, const char *path)
{
	AUTO(buf_done) struct buf own = { .max = 8192 };
	struct ledger *l = &in->run->ledger;
	const char *name = beneath(in->run->plan->folder, path);
	if (!ledger_find_split(l, name) && ledger_find_split(l, path))
		name = path; /* a run that format 1 began: it named files from the root */
	struct split *s = ledger_split(l, name);
	if (!is_mine(in, s) &&
	    buf_printf(&own, "%s (from: %zu)", name, in->source->index + 1) == 0) {
		s = ledger_split(l, own.p);
		s->source = in->source->index + 1;
	}
	s->gone = s->gone_told = false;
	in->asked = s;
	return s;
}

void intake_end(struct intake *in, struct split *s, struct slice proof)
{
	if (in->probing || slice_eq(split_end(s), proof))
		return;
	split_set_end(s, proof);
	in->run->ends_noted = true;
}

void intake_onward(struct intake *in, struct split *s, struct slice base)
{
	ASSERT(in->source->place->facts.onward);
	if (in->probing)
		return;
	split_set_onward(s, base);
	in->run->ends_noted = true;
}

void intake_heard(struct intake *in)
{
	if (!in->probing)
		doubt_succeeded(in->source);
}

void intake_renew(struct intake *in)
{
	in->found |= in->probing;
}

/* "a.jsonl (from: 2)": so the second source calls what the first one reads, too. */
static bool is_of_another(struct slice name, struct slice mine)
{
	return slice_ends(name, S(")")) && memmem(name.p, name.n, " (from: ", 8) &&
	       !slice_ends(name, mine);
}

/* The name as the source gives it, which may be from the root. -1: another source's. */
static int put_asked_name(const struct intake *in, const struct split *s, struct buf *out)
{
	AUTO(buf_done) struct buf mine = { .max = 64 };
	const char *folder = in->run->plan->folder;
	struct slice name = slice_str(s->name);
	int r = buf_printf(&mine, " (from: %zu)", in->source->index + 1);
	if (r < 0 || is_of_another(name, buf_slice(&mine)))
		return -1;
	if (slice_ends(name, buf_slice(&mine)))
		name = slice_head(name, name.n - mine.n);
	if (folder && name.n && name.p[0] != '/')
		r = buf_printf(out, "%s/", strcmp(folder, "/") == 0 ? "" : folder);
	return r < 0 ? r : buf_add(out, name);
}

static bool is_theirs(const struct intake *in, const struct split *s,
		      bool (*theirs)(void *arg, const char *name), void *arg)
{
	AUTO(buf_done) struct buf name = { .max = 8192 };
	return s->source == 0 && put_asked_name(in, s, &name) == 0 && theirs(arg, name.p);
}

int intake_check_gone(struct intake *in, bool (*theirs)(void *arg, const char *name), void *arg,
		      struct err *err)
{
	for (struct split *s = in->run->ledger.splits; s; s = s->next) {
		if (!is_theirs(in, s, theirs, arg))
			continue;
		if (!s->end || s->low != s->end_at)
			return fail(err, FAULT_IO,
				    "'%s' is gone, and was read up to line %llu only: put it back, "
				    "or start over without it: --fresh",
				    s->name, (unsigned long long)s->low_line);
		s->gone = true;
	}
	return 0;
}

void intake_hold(struct intake *in, uint64_t bytes)
{
	ledger_hold(&in->run->ledger, in->held, bytes);
	in->held = bytes;
	memory_look(in->run);
}

static int wait_space(struct run *run, uint64_t bytes) SUSPENDS
{
	run->admitting_bytes = bytes;
	if (run_has_space(run))
		return 0;
	span_set(&run->source_waits, true);
	run_wake_source(run); /* what is in doubt may be all that there is to wait for */
	int r = 0;
	while (r == 0 && !run_has_space(run)) {
		hk_event_clear(&run->space);
		r = hk_event_wait(&run->space);
	}
	span_set(&run->source_waits, false);
	return r;
}

/* The record as it may be admitted, or why not. */
static int check(const struct arrival *a, struct err *why)
{
	struct json_error where;
	struct slice json = rec_json(a->rec);
	const char *name = a->split->name;
	if (a->fault) {
		*why = *a->fault;
		return -1;
	}
	if (a->unchecked && json_check(json, &where) < 0) {
		if (a->line)
			return fail(why, FAULT_INVALID_JSON, "%s:%llu:%zu: not JSON: %s", name,
				    (unsigned long long)a->line, where.offset + 1, where.what);
		return fail(why, FAULT_INVALID_JSON, "%s: not JSON: %s at byte %zu", name,
			    where.what, where.offset);
	}
	if (json_type(json) != JSON_OBJECT)
		return fail(why, FAULT_BAD_VALUE, "%s:%llu: a record is an object, this is %.40s",
			    name, (unsigned long long)a->line, json.p);
	return 0;
}

/* The last one that is wanted ends the source at once: the next may take its time to come. */
static int go_on(struct run *run, struct err *err)
{
	return run_reads_on(run) ? 0 : fail(err, FAULT_CANCELLED, "stopped");
}

static int enter(struct run *run, struct track *t, size_t at, struct err *err) SUSPENDS
{
	run->admitting = true;
	int r = flow(run, &t->root, at);
	run->admitting = false;
	return r < 0 ? fail(err, FAULT_CANCELLED, "stopped") : go_on(run, err);
}

static int notice_new(struct intake *in, const struct arrival *a, struct err *err)
{
	rec_unref(a->rec);
	split_admitted(a->split, a->next, a->line);
	if (a->known)
		return 0;
	in->found = true;
	return fail(err, FAULT_CANCELLED, "there is something new");
}

/* The source was asked for all that it has; only now it is known to have something. */
static void warn_of_cost(struct intake *in)
{
	struct run *run = in->run;
	AUTO(buf_done) struct buf text = { .max = 512 };
	if (!run->paid_again)
		return;
	if (buf_printf(&text, "'%s' is paid for again, for every record", run->paid_again->label) ==
	    0)
		site_warn(&in->source->site, buf_slice(&text));
	run->paid_again = NULL;
}

int admit(struct intake *in, const struct arrival *a, struct err *err)
{
	struct run *run = in->run;
	struct err why = { 0 };
	size_t at = 0;
	if (in->probing)
		return notice_new(in, a, err);
	if (split_is_done(a->split, a->split->ordinal)) {
		rec_unref(a->rec);
		split_skip(a->split, a->next, a->line);
		return 0;
	}
	if (!run_reads_on(run) || wait_space(run, rec_bytes(a->rec)) < 0) {
		rec_unref(a->rec);
		return fail(err, FAULT_CANCELLED, "stopped");
	}
	warn_of_cost(in);
	int bad = in->letter ? 0 : check(a, &why);
	struct track *t = ledger_admit(&run->ledger, a->split, a->rec, a->next, a->line);
	if (a->id.n)
		track_identify(t, a->id);
	in->source->passed++;
	item_seen(&run->ledger, &t->root,
		  (struct sighting){ .what = SIGHT_READ,
				     .rec = t->original,
				     .source = a->split->name,
				     .line = a->line ? a->line : t->ordinal + 1 });
	if (bad < 0) {
		doubt_die(in->source, &t->root, &why, NULL);
		return go_on(run, err);
	}
	doubt_succeeded(in->source);
	if (a->known)
		flow_known(run, &t->root);
	if (a->known || (in->letter && !replay_enter(in, t, &at)))
		return go_on(run, err);
	return enter(run, t, at, err);
}

/* ---- running a source ---- */
static int64_t retries_allowed(const struct step *s)
{
	return s->place->common.retry ? s->place->common.retry->times : SOURCE_RETRIES;
}

static int64_t pause_ns(const struct err *err, int64_t tries)
{
	int64_t most = (200 * HK_MS) << (tries < 7 ? tries : 7);
	int64_t jittered = (int64_t)(hk_random() % (uint64_t)most);
	return err->retry_after_ns > jittered ? err->retry_after_ns : jittered;
}

/* A server that is away for a while is waited for, when the file does not say how often. */
static bool gives_up(const struct step *s, int64_t tries, int64_t since_ns)
{
	int64_t within = s->place->facts.within_ns;
	if (within > 0 && !s->place->common.retry)
		return hk_now_ns() - since_ns >= within;
	return tries >= retries_allowed(s);
}

int source_read(struct intake *in, struct err *err)
{
	struct step *s = in->source;
	int64_t since = 0;
	for (int64_t tries = 0;; tries++) {
		uint64_t before = s->passed;
		*err = (struct err){ 0 };
		if (s->place->port->run(&s->site, in, err) == 0)
			return 0;
		if (!run_reads_on(in->run) || hk_checkpoint() < 0)
			return fail(err, FAULT_CANCELLED, "stopped");
		if (err->fault == FAULT_CANCELLED) /* what it gave is not all that there is */
			return fail(err, FAULT_IO,
				    "it stopped, and nobody had asked it to: a mistake in hocket");
		if (s->passed > before)
			tries = 0; /* it got on: a new trouble, not the old one */
		since = tries == 0 ? hk_now_ns() : since;
		if (fault_policy(err) != POLICY_RETRY || gives_up(s, tries, since))
			return -1;
		s->retries++;
		if (hk_sleep(pause_ns(err, tries)) < 0)
			return fail(err, FAULT_CANCELLED, "stopped");
	}
}

static int all_sources(struct run *run) SUSPENDS
{
	struct err err = { 0 };
	if (run->replay)
		return replay_source(run);
	for (size_t i = 0; i < run->plan->source_count; i++) {
		struct intake in = { run, &run->sources[i] };
		bool again = in.source->place->facts.endless &&
			     schedule_is_given(&in.source->place->common.every);
		if (in.source->place->facts.told.n)
			doubt_succeeded(
				in.source); /* strangers shall not end a run by what they send */
		if ((again ? rounds_read : source_read)(&in, &err) == 0)
			continue;
		if (err.fault == FAULT_CANCELLED)
			return -1;
		err_wrap(&err, "from %s: ", run->sources[i].place->label);
		run_starve(run, &err);
		return -1;
	}
	return 0;
}

int source_main(void *arg)
{
	struct run *run = arg;
	run->source_open = true;
	hk_scope_open(&run->source_scope, run->stopping ? 0 : HK_FOREVER);
	if (all_sources(run) == 0 || run->limit_reached)
		run->source_ended = !run->failing;
	run->source_open = false;
	(void)hk_scope_close(&run->source_scope, 0);
	for (size_t i = 0; i < run->plan->source_count; i++)
		doubt_end(&run->sources[i], run_ends_as_meant(run));
	flow_ended(run, 0);
	return 0;
}
