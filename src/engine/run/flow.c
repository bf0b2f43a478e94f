/* flow.c - one item's way from step to step
 *
 * What this room is for: steps that never suspend are calls here, fused into whatever fiber brought the item; a step
 *   that calls out is entered through its queue, and a full queue parks that fiber: backpressure.
 * What flows through:    items; their records are replaced by next versions.
 * What must hold:
 *  (1) flow() either moves the item on, ends it, or (cancelled) leaves it moving and untouched.
 *  (2) a parent ends as expanded only after all its children exist, so the track cannot complete in between. */
#include "engine/run/children.h"
#include "engine/call/doubt.h"
#include "engine/run/expansion.h"
#include "engine/run/fold.h"
#include "engine/run/join.h"
#include "engine/run/rounds.h"
#include "engine/run/stopping.h"

#include "base/clock.h"
#include "base/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what expressions see ---- */
void flow_put_id(const struct item *it, char id[static 20])
{
	static const char hex[] = "0123456789abcdef";
	uint64_t h = it->id;
	for (int i = 0; i < 16; i++, h <<= 4)
		id[i] = hex[h >> 60];
	id[16] = 0;
}

int64_t run_wall_ns(const struct run *run)
{
	return run->options.now_ns ? run->options.now_ns : hk_wall_ns();
}

void flow_env(const struct run *run, const struct item *it, struct env *env, struct env_meta *meta,
	      char id[static 20])
{
	const struct track *t = it->track;
	const struct origin *o = t->origin;
	flow_put_id(it, id);
	*meta = (struct env_meta){
		.id = { id, 16 },
		.source = slice_str(track_source(t)),
		.position = t->line ? t->line : (o ? o->ordinal : t->ordinal) + 1,
		.attempt = 1,
		.wall_ns = run_wall_ns(run),
	};
	*env = (struct env){ .record = rec_json(it->rec), .meta = meta };
}

/* ---- endings ---- */
void run_wake_committer(struct run *run)
{
	if (!ledger_peek_ready(&run->ledger))
		return;
	hk_event_set(&run->ready);
	if (run->ledger.ready_bytes >= run->batch_bytes ||
	    run->ledger.ready_count >= run->batch_rows || rounds_hurry(run))
		hk_event_set(&run->full);
}

static uint64_t in_flight(const struct counts *c)
{
	return c->admitted + c->spawned - c->delivered - c->filtered - c->duplicate - c->dead -
	       c->expanded - c->merged;
}

void run_wake_source(struct run *run)
{
	if (!run->source_waits.since_ns && !rounds_wait(run) && !folds_want_space(run))
		return;
	bool woken = folds_wake(run);
	if (run->source_waits.since_ns && run_has_space(run))
		hk_event_set(&run->space);
	else if (!woken && run->in_doubt > 0 && run->in_doubt == in_flight(&run->ledger.live))
		doubt_end_all(run);
}

static void item_ended(struct run *run)
{
	run_wake_committer(run);
	run_wake_source(run);
}

static void end_item(struct run *run, struct item *it, enum ending how)
{
	join_child_ends(run, it);
	item_end(&run->ledger, it, how);
	if (!it->track->ready)
		spill_rested(run, it);
	item_ended(run);
}

void flow_known(struct run *run, struct item *it)
{
	end_item(run, it, ENDED_DUPLICATE);
}

void run_redact(const struct run *run, struct err *err)
{
	AUTO(buf_done) struct buf clean = { .max = 4096 };
	if (!run->plan->secrets || err->text[0] == 0)
		return;
	if (secrets_redact(run->plan->secrets, slice_str(err->text), &clean) < 0)
		buf_clear(&clean); /* better no words than a secret */
	snprintf(err->text, sizeof err->text, "%.*s", (int)clean.n, clean.p ? clean.p : "");
}

bool site_is_heard(const struct site *site)
{
	return site->run->options.said != NULL;
}

static void tell(struct site *site, void (*whom)(void *, const char *, struct slice),
		 struct slice line)
{
	const struct run *run = site->run;
	AUTO(buf_done) struct buf clean = { .max = 1u << 16 };
	if (!whom)
		return;
	if (run->plan->secrets && secrets_redact(run->plan->secrets, line, &clean) == 0)
		line = buf_slice(&clean);
	whom(run->options.said_arg, site->name, line);
}

void site_said(struct site *site, struct slice line)
{
	tell(site, site->run->options.said, line);
}

void site_warn(struct site *site, struct slice line)
{
	tell(site, site->run->options.warned, line);
}

void site_warnf(struct site *site, const char *fmt, ...)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	va_list args;
	va_start(args, fmt);
	int r = buf_vprintf(&text, fmt, args);
	va_end(args);
	if (r == 0)
		site_warn(site, buf_slice(&text));
}

bool site_names_secret(const struct site *site, struct slice name)
{
	const struct secrets *secrets = site->run->plan->secrets;
	return secrets && secrets_names(secrets, name);
}

bool site_is_secret(const struct site *site, struct slice text)
{
	AUTO(buf_done) struct buf clean = { .max = 1u << 20 };
	const struct secrets *secrets = site->run->plan->secrets;
	if (!secrets)
		return false;
	return secrets_redact(secrets, text, &clean) < 0 || !slice_eq(buf_slice(&clean), text);
}

void flow_die(struct run *run, struct item *it, const char *label, const struct err *err,
	      struct buf *attempts_taken)
{
	struct err shown = *err;
	run_redact(run, &shown);
	if (join_takes_death(it, label, &shown, attempts_taken)) {
		end_item(run, it, ENDED_MERGED);
		return;
	}
	join_child_ends(run, it);
	item_die(&run->ledger, it, label, &shown, attempts_taken, clock_wall_ns());
	item_ended(run);
	run_note_dead(run, label, &shown);
}

bool run_has_space(const struct run *run)
{
	bool fits = !run->ledger.first || memory_has(run, run->admitting_bytes);
	return fits && run->ledger.ready_bytes < run->ready_max_bytes && !folds_are_behind(run);
}

/* ---- what apply() writes to ---- */
void out_keep(struct out *o)
{
	o->kept = true;
}

int out_put(struct out *o, struct rec *gives, struct err *err)
{
	if (json_type(rec_json(gives)) != JSON_OBJECT) {
		fail(err, FAULT_BAD_VALUE, "gave %.*s%s, but a record is an object",
		     (int)(rec_json(gives).n < 60 ? rec_json(gives).n : 60), rec_json(gives).p,
		     rec_json(gives).n > 60 ? "..." : "");
		rec_unref(gives);
		return -1;
	}
	o->bytes += rec_json(gives).n;
	if (o->most_bytes && o->bytes > o->most_bytes) {
		rec_unref(gives);
		return fail(err, FAULT_TOO_LARGE,
			    "the children of one record are larger than %llu bytes, an eighth of "
			    "`memory`: raise `memory:`, or emit less of each",
			    (unsigned long long)o->most_bytes);
	}
	if (o->n == CHILDREN_MAX) {
		rec_unref(gives);
		return fail(err, FAULT_TOO_LARGE, "more than %d children of one record",
			    CHILDREN_MAX);
	}
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 4;
		o->made = xrealloc(o->made, o->cap, sizeof(struct rec *));
	}
	o->made[o->n++] = gives;
	return 0;
}

void out_done(struct out *o)
{
	for (size_t i = 0; i < o->n; i++)
		rec_unref(o->made[i]);
	free(o->made);
	*o = (struct out){ 0 };
}

void flow_ended(struct run *run, size_t at)
{
	for (; at < run->plan->step_count; at++) {
		struct step *s = &run->steps[at];
		if (step_is_call(s)) {
			hk_queue_close(s->in);
			return;
		}
		doubt_end(s, run_ends_as_meant(run));
		if (s->fold || s->join) {
			s->fold ? fold_upstream_ended(s->fold) : join_upstream_ended(s->join);
			return;
		}
	}
}

int flow_children(struct run *run, struct item *it, struct rec **takes, size_t n, size_t at)
{
	struct item *child = it->last_child; /* before the first of the new ones */
	int r = 0;
	if (at > 0 && run->steps[at - 1].home)
		join_expect(run->steps[at - 1].home, it, n, run->steps[at - 1].place->label);
	if (n == 0 && it->family)
		return 0;
	if (n == 0) {
		end_item(run, it, ENDED_FILTERED);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		item_spawn(&run->ledger, it, takes[i]);
	child = child ? child->sibling : it->first_child;
	end_item(run, it, ENDED_EXPANDED);
	for (struct item *next; child && r == 0; child = next) {
		next = child->sibling; /* the last one's way can be over before flow() is */
		r = flow(run, child, at);
	}
	return r;
}

/* What an earlier part of the run made of it. */
static int recall_children(struct step *s, const struct item *it, struct out *out,
			   struct err *err) SUSPENDS
{
	int r = expansion_recall(s, it, &out->made, &out->n, err);
	out->cap = out->n;
	return r;
}

/* The state cannot be read or written; the item is left to the next run. */
static int stop_io(struct step *s, struct err *err)
{
	if (err->fault == FAULT_CANCELLED)
		return -ECANCELED;
	err_wrap(err, "step '%s': ", s->place->label);
	run_abort(s->run, RUN_FAILED, err);
	return -ECANCELED;
}

/* 1: goes on; 0: ended here; -ECANCELED */
static int apply(struct step *s, struct item *it, const struct env *env) SUSPENDS
{
	AUTO(out_done)
	struct out out = { .most_bytes = memory_children_max(s->run), .step = s, .item = it };
	struct run *run = s->run;
	struct err err = { 0 };
	int held = s->keeps_children ? recall_children(s, it, &out, &err) : 0;
	if (held < 0)
		return stop_io(s, &err);
	if (!held && s->place->port->apply(&s->site, it->rec, env, &out, &err) < 0) {
		if (err.fault == FAULT_CANCELLED || err.fault == FAULT_IO)
			return stop_io(s, &err);
		doubt_die(s, it, &err, NULL);
		return 0;
	}
	doubt_succeeded(s);
	if (s->place->facts.many) {
		size_t n = out.n;
		if (s->keeps_children && !held && expansion_keep(s, it, out.made, n, &err) < 0)
			return stop_io(s, &err);
		out.n = 0;
		s->passed += n;
		return flow_children(run, it, out.made, n, s->index + 1);
	}
	if (out.kept) {
		s->passed++;
		return 1;
	}
	if (out.n == 0) {
		end_item(run, it, out.duplicate ? ENDED_DUPLICATE : ENDED_FILTERED);
		return 0;
	}
	ASSERT(out.n == 1);
	out.n = 0;
	s->passed++;
	item_replace(&run->ledger, it, out.made[0]);
	return 1;
}

/* 1: yes or no `if:`; 0: no; -1: the program failed and the item is dead */
static int wanted(struct step *s, struct item *it, const struct env *env) SUSPENDS
{
	struct err err = { 0 };
	if (!s->place->common.when)
		return 1;
	int yes = jq_truth(s->place->common.when, env, &err);
	if (yes < 0) {
		err_wrap(&err, "if: ");
		doubt_die(s, it, &err, NULL);
	}
	return yes;
}

static int enter(struct step *s, struct item *it) SUSPENDS
{
	it->resting = true;
	spill_rested(s->run, it);
	if (hk_queue_try_put(s->in, &it) == 0)
		return 0;
	span_set(&s->window_full, true);
	int r = hk_queue_put(s->in, &it);
	return r == -EPIPE ? -ECANCELED : r;
}

int flow(struct run *run, struct item *it, size_t at)
{
	struct env_meta meta;
	struct env env;
	char id[20];
	if (at < run->plan->step_count)
		flow_env(run, it, &env, &meta, id);
	for (; at < run->plan->step_count; at++) {
		struct step *s = &run->steps[at];
		s->seen++;
		env.record = rec_json(it->rec);
		int yes = wanted(s, it, &env);
		if (yes < 0)
			return 0;
		item_seen(&run->ledger, it,
			  (struct sighting){ .what = yes ? SIGHT_AT : SIGHT_PASSES, .step = at });
		if (yes == 0)
			continue;
		if (step_is_call(s))
			return enter(s, it);
		if (s->fold)
			return fold_take(s, it, &env);
		if (s->join && join_take(s, it))
			return 0;
		if (s->join)
			continue;
		int r = apply(s, it, &env);
		if (r <= 0)
			return r;
	}
	end_item(run, it, ENDED_READY);
	return 0;
}
