/* step.c - steps that call out: windows, slots, lanes, attempts, retries
 *
 * What this room is for: the one place that retries. A step is a pump and a task group: the pump takes items from the
 *   step's queue and gives each a fiber, but only when that fiber could do something now.
 *
 *   queue -> pump -> visit: ask --> its turn, attempt -> judge --> place -> flow on
 *                                    ^                    | retry: back-off, holding nothing
 *                                    '--------------------'
 *
 *   An attempt is made by attempt.c; where several records go into one call, they meet in gate.c before it.
 * What flows through:    items; between attempts they hold no slot, no lane and no connection.
 * What must hold:
 *  (1) at most `cap` attempts are in flight.
 *  (2) every attempt of an item sends the same bytes: they are made once, in ask().
 *  (3) what may have been done already and is unsafe to do twice is not done twice, unless the file says so.
 *  (4) once the run is stopping, what was never attempted is left for the next run; what was attempted may go on to its end
 *      (stopping.c has the exceptions).
 *      What such calls have to put down before and after stands in visit_paid.c and visit_recall.c.
 *  (5) living <= living_max, and with the queue <= window; eager counts the fibers that hold or want a slot: there is no
 *      use in more of them than can be in calls (and in the next one, where they meet). */
#include "engine/call/attempt.h"
#include "engine/run/children.h"
#include "engine/call/doubt.h"
#include "engine/plan/defaults.h"
#include "engine/run/expansion.h"
#include "engine/call/gate.h"
#include "engine/call/kept.h"
#include "engine/run/stopping.h"
#include "engine/call/turns.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_NS (200 * HK_MS)
#define BACKOFF_MAX_NS   (30 * HK_SEC)
#define ABANDON_NS       (2 * HK_SEC)

bool step_is_call(const struct step *s)
{
	return s->place->port->call != NULL;
}

/* ---- eager fibers: what the pump looks at ---- */
void step_eager_leave(struct step *s)
{
	ASSERT(s->eager > 0);
	s->eager--;
	hk_event_set(&s->room);
}

static struct arena *arena_get(struct step *s)
{
	return s->spare_count ? s->spare[--s->spare_count] : arena_new();
}

static void arena_put(struct step *s, struct arena *a)
{
	if (s->spare_count == ARRAY_SIZE(s->spare)) {
		arena_free(a);
		return;
	}
	arena_reset(a);
	s->spare[s->spare_count++] = a;
}

/* ---- after a failure ---- */
static void put_status(struct json_writer *w, const struct err *err)
{
	json_key(w, "status");
	if (err->fault == FAULT_STATUS || err->fault == FAULT_RATE_LIMITED)
		json_put_int(w, err->code);
	else
		json_put_raw(w, S("null"));
}

static int note_attempt(struct visit *v)
{
	char class[48];
	const struct err *err = &v->call.err;
	int64_t took = hk_now_ns() - v->attempt_ns;
	AUTO(buf_done) struct buf time = { .max = 64 };
	int r = clock_put_utc(&time, clock_wall_ns() - took);
	if (r < 0)
		return r;
	err_class(err, class, sizeof class);
	r = buf_add_char(&v->attempts, v->attempts.n ? ',' : '[');
	struct json_writer w = json_writer(&v->attempts);
	json_open(&w, '{');
	json_key(&w, "attempt");
	json_put_int(&w, v->call.attempt);
	json_key(&w, "time");
	json_put_string(&w, buf_slice(&time));
	json_key(&w, "ms");
	json_put_int(&w, took / HK_MS);
	json_key(&w, "class");
	json_put_string(&w, slice_str(class));
	put_status(&w, err);
	json_key(&w, "message");
	json_put_string(&w, slice_str(err->text));
	if (v->call.excerpt.n) {
		json_key(&w, "excerpt");
		json_put_string(&w, v->call.excerpt);
	}
	json_close(&w, '}');
	int written = json_writer_end(&w);
	return r < 0 ? r : written;
}

static void redact_excerpt(struct visit *v)
{
	AUTO(buf_done) struct buf clean = { .max = 1u << 20 };
	const struct secrets *secrets = v->step->run->plan->secrets;
	struct slice *text = &v->call.excerpt;
	if (!secrets || !text->n)
		return;
	*text = secrets_redact(secrets, *text, &clean) < 0
			? (struct slice){ 0 }
			: arena_copy(v->call.arena, buf_slice(&clean));
}

/* What goes into records and letters holds no secret. */
static void note_failure(struct visit *v)
{
	run_redact(v->step->run, &v->call.err);
	redact_excerpt(v);
	if (note_attempt(v) < 0)
		buf_clear(&v->attempts);
}

static bool throttled(const struct err *err)
{
	return err->fault == FAULT_RATE_LIMITED ||
	       (err->fault == FAULT_STATUS && err->code == 503 && err->retry_after_ns > 0) ||
	       (err->fault == FAULT_SMTP && err->whole); /* 421: the server, whatever the mail */
}

/* Those that failed in one call draw one lot: they come back together. */
static int64_t backoff_ns(const struct visit *v, unsigned failures)
{
	uint64_t dice = v->dice ? v->dice : hk_random();
	int64_t most = BACKOFF_FIRST_NS;
	for (unsigned i = 1; i < failures && most < BACKOFF_MAX_NS; i++)
		most *= 2;
	most = most < BACKOFF_MAX_NS ? most : BACKOFF_MAX_NS;
	return (int64_t)(dice % (uint64_t)most); /* full jitter */
}

static bool harmless_again(const struct visit *v)
{
	const struct err *err = &v->call.err;
	const struct retry_options *retry = v->step->place->common.retry;
	if (v->call.safety != UNSAFE || (retry && retry->unsafe) || !err->sent)
		return true;
	if (v->step->place->common.on_unknown == UNKNOWN_RETRY && visit_is_lost(v))
		return true;
	return err->fault == FAULT_RATE_LIMITED || (err->fault == FAULT_STATUS && err->code == 503);
}

/* Nothing but the network was asked: whatever the record is, it would have failed. */
static bool never_answered(const struct err *err)
{
	return err->fault == FAULT_REFUSED || err->fault == FAULT_DNS ||
	       err->fault == FAULT_CONNECT_TIMEOUT || err->fault == FAULT_TLS;
}

/* While the lane's circuit is open no attempt is counted. Unless it is this record alone on which an origin that does
 * answer fails: then it is the record. */
static bool is_excused(struct visit *v, int64_t times)
{
	struct circuit *c = v->lane ? &v->lane->circuit : NULL;
	if (!c || visit_outcome(v) != LANE_DOWN)
		return false;
	if (!c->many && !v->lane->starts.first && !never_answered(&v->call.err))
		return false;
	bool last = v->counted >= times;
	return lane_is_down(v->lane) || (last && circuit_trip(c, (unsigned)times + 1, hk_now_ns()));
}

static bool outlasts(const struct visit *v, int64_t within)
{
	const struct circuit *c = &v->lane->circuit;
	return hk_now_ns() - c->since_ns > within;
}

/* An origin that does not come back for so long is a human's business. */
static void stop_down(struct visit *v)
{
	struct err err = v->call.err;
	err_wrap(&err, "step '%s': %.*s does not answer any more: ", v->step->place->label,
		 SLICE(lane_name(v->lane)));
	run_abort(v->step->run, RUN_STOPPED_BY_FAILURES, &err);
}

/* Once an outage: a human sees why nothing moves, and how long that may last. */
static void tell_away(struct visit *v, int64_t patience)
{
	struct circuit *c = &v->lane->circuit;
	AUTO(buf_done) struct buf text = { .max = 1024 };
	if (c->told || buf_printf(&text, "waits for %.*s, ", SLICE(lane_name(v->lane))) < 0 ||
	    units_put_duration(&text, patience) < 0 ||
	    buf_printf(&text, " at most: %s", v->call.err.text) < 0)
		return;
	c->told = true;
	site_warn(&v->step->site, buf_slice(&text));
}

/* Nobody gets anything there: all wait for it together, and no attempt is counted. -1: nobody waits any longer. Where something was taken before,
 * the run stops then; else the records fail, and doubt.c has the last word. */
static int64_t wait_away_ns(struct visit *v, const struct limits *limits)
{
	struct lane *l = v->lane;
	int64_t patience = l->circuit.served ? limits->within_ns : limits->away_ns;
	if (lane_is_down(l) && outlasts(v, patience)) {
		if (l->circuit.served)
			stop_down(v);
		else
			lane_give_up(l);
	}
	if (l->circuit.given_up)
		return -1;
	v->throttled++;
	if (lane_is_down(l)) {
		tell_away(v, patience);
		return 0;
	}
	int64_t delay = backoff_ns(v, v->throttled) + HK_MS;
	if (throttled(&v->call.err)) {
		v->step->throttled++;
		lane_pause(l, delay);
	}
	return delay;
}

/* Somebody else answers: what is waited for is counted only. */
static bool no_time_passes(const struct visit *v)
{
	return v->step->run->options.stand_in != NULL;
}

/* A worker broke off: once more, in a call of its own, then it is the record. Who was in a call with others is always asked alone. */
static int64_t delay_alone_ns(struct visit *v)
{
	bool again = !v->broke && (v->mates > 1 || limits_of(v->step->place).retries > 0);
	v->broke = v->alone = true;
	return again && harmless_again(v) ? 0 : -1;
}

/* How long to wait before the next attempt, or -1: there is none. A refusal for lack of quota pauses the lane and
 * does not use up `times`: nobody dies of a rate limit before `within`. */
static int64_t next_delay_ns(struct visit *v)
{
	const struct err *err = &v->call.err;
	const struct limits limits = limits_of(v->step->place);
	int64_t times = limits.retries, within = limits.within_ns;
	int64_t delay = 0;
	/* It broke off for all that were in the call, or would be the death of all of them: the next time it goes alone, and then it is its own
	 * failure. */
	bool last = err->fault == FAULT_SQL && v->counted >= times;
	bool in_company = v->mates > 1 && (err->sent || last);
	v->alone |= in_company;
	if (fault_policy(err) == POLICY_ALONE)
		return delay_alone_ns(v);
	if (fault_policy(err) != POLICY_RETRY || !harmless_again(v))
		return -1;
	if (err->away && v->lane && times > 0)
		return wait_away_ns(v, &limits);
	if (throttled(err) && (v->lane || no_time_passes(v)) && times > 0) {
		v->step->throttled++;
		v->throttled++;
		delay = err->retry_after_ns ? err->retry_after_ns
					    : backoff_ns(v, v->throttled) + HK_MS;
		if (v->lane)
			lane_pause(v->lane, delay);
	} else if (times > 0 && is_excused(v, times)) {
		if (outlasts(v, within))
			stop_down(v);
	} else {
		v->counted += !in_company;
		if (v->counted > times)
			return -1;
		delay = backoff_ns(v, v->counted);
		if (err->retry_after_ns > delay)
			delay = err->retry_after_ns;
	}
	return hk_now_ns() + delay - v->began_ns > within ? -1 : delay;
}

/* The item waits here, holding nothing. A paused lane does the waiting itself. */
static int wait_backoff(struct visit *v, int64_t delay) SUSPENDS
{
	struct step *s = v->step;
	attempt_give_slot(v);
	s->retries++;
	v->paid = false;
	if (no_time_passes(v)) {
		v->began_ns -= delay;
		return 0;
	}
	if ((throttled(&v->call.err) && v->lane) || (v->lane && lane_is_down(v->lane)))
		return 0;
	if (visit_wait_begin(v, NULL, hk_now_ns() + delay) < 0)
		return -ECANCELED;
	step_eager_leave(s);
	int r = visit_wait_end(v, hk_sleep(delay));
	s->eager++;
	/* Where nothing was ever answered the name or the port may be wrong: a human waits to be told. */
	bool unheard = !s->succeeded && never_answered(&v->call.err);
	if (r < 0 || !v->lane || unheard)
		return r;
	v->paid = !lane_is_down(v->lane);
	return attempt_wait_line(v, v->lane, &v->lane->retries, false);
}

/* ---- giving up ---- */
static int put_error_object(const struct err *err, struct buf *out)
{
	char class[48];
	err_class(err, class, sizeof class);
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	json_key(&w, "class");
	json_put_string(&w, slice_str(class));
	json_key(&w, "message");
	json_put_string(&w, slice_str(err->text));
	put_status(&w, err);
	json_close(&w, '}');
	return json_writer_end(&w);
}

/* `on_error: into .path`: the record goes on with the error in it. */
static int go_on_with_error(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	AUTO(buf_done) struct buf error = { 0 };
	AUTO(buf_done) struct buf json = { 0 };
	const struct field_path *to = &s->place->common.on_error.into;
	if (put_error_object(&v->call.err, &error) < 0 ||
	    json_splice(rec_json(v->item->rec), to->keys, to->n, buf_slice(&error), &json) < 0) {
		fail(&v->call.err, FAULT_BAD_VALUE, "cannot put the error into the record");
		doubt_die(s, v->item, &v->call.err, &v->attempts);
		return 0;
	}
	s->passed++;
	item_replace(&s->run->ledger, v->item, rec_next(v->item->rec, &json));
	return flow(s->run, v->item, s->index + 1);
}

static int give_up(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	struct err *err = &v->call.err;
	if (fault_policy(err) == POLICY_STOP || s->place->common.on_error.kind == ON_ERROR_STOP) {
		bool ours = err->fault == FAULT_IO || err->fault == FAULT_CONFIG;
		err_wrap(err, "step '%s': ", s->place->label);
		run_abort(s->run, ours ? RUN_FAILED : RUN_STOPPED_BY_FAILURES, err);
		return -ECANCELED;
	}
	if (s->place->common.on_error.kind == ON_ERROR_INTO)
		return go_on_with_error(v);
	if (v->attempts.n && buf_add_char(&v->attempts, ']') < 0)
		buf_clear(&v->attempts);
	if (v->certain)
		doubt_die_certainly(s, v->item, err, &v->attempts);
	else
		doubt_die(s, v->item, err, &v->attempts);
	return 0;
}

static size_t take_count(size_t *n)
{
	size_t was = *n;
	*n = 0;
	return was;
}

static int go_on_with_children(struct visit *v, struct rec **takes, size_t n) SUSPENDS
{
	struct step *s = v->step;
	s->passed += n;
	memory_end(s->run, &v->claim);
	return flow_children(s->run, v->item, takes, n, s->index + 1);
}

static int go_on(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	struct rec *next = NULL;
	AUTO(out_done) struct out out = { .most_bytes = memory_children_max(s->run) };
	if (v->children)
		return go_on_with_children(v, v->children, take_count(&v->children_count));
	if (answer_place(s, &v->env, v->item, &v->call.answer, &next, &out, &v->call.err) < 0 ||
	    (s->keeps_children && (s->place->common.emit || out.children) &&
	     expansion_keep(s, v->item, out.made, out.n, &v->call.err) < 0)) {
		note_failure(v);
		return give_up(v);
	}
	doubt_succeeded(s);
	answer_done(&v->call.answer);
	v->item->sent |= s->place->role == ROLE_SINK;
	if (s->place->common.emit || out.children)
		return go_on_with_children(v, out.made, take_count(&out.n));
	s->passed++;
	if (next)
		item_replace(&s->run->ledger, v->item, next);
	memory_end(s->run, &v->claim);
	return flow(s->run, v->item, s->index + 1);
}

/* ---- a visit ---- */
enum { AGAIN = 2 };

/* An attempt was not good. AGAIN, when it has waited for the next; 0: there is none; 1: so be it; -ECANCELED */
static int after_failure(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	bool lost = visit_is_lost(v);
	note_failure(v);
	s->unknown += lost;
	if (lost && s->place->common.on_unknown == UNKNOWN_DELIVERED) {
		visit_answer_null(v);
		return 1;
	}
	int64_t delay = next_delay_ns(v);
	if (visit_settle_intent(v) < 0)
		return 0;
	if (delay < 0 && lost)
		visit_fail_unknown(v);
	if (delay < 0)
		return 0;
	int r = wait_backoff(v, delay);
	return r < 0 ? r : AGAIN;
}

static void tell_watch(const struct visit *v, bool good)
{
	const struct answer *a = &v->call.answer;
	item_seen(&v->step->run->ledger, v->item,
		  (struct sighting){ .what = SIGHT_CALLED,
				     .step = v->step->index,
				     .request = v->call.shown,
				     .sends = v->call.sends,
				     .status = a->status,
				     .bytes = a->value.n,
				     .took_ns = hk_now_ns() - v->attempt_ns,
				     .err = good ? NULL : &v->call.err });
}

/* Attempts until one is good (1), there are none left (0), or the run is over (-ECANCELED). */
static int attempts(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	for (int r = AGAIN;;) {
		r = s->batch > 1 ? gate_attempt(v) : attempt_make(v);
		if (r != 0)
			return r > 0 ? 0 : r;
		struct err *err = &v->call.err;
		bool good = v->call.verdict == VERDICT_ANSWER && visit_answered(v) == 0 &&
			    answer_judge(s, &v->env, &v->call.answer, err) == 0;
		if (s->batch == 1)
			visit_tell_lanes(v, good);
		tell_watch(v, good);
		if (good)
			return 1;
		answer_done(&v->call.answer);
		memory_end(s->run, &v->claim);
		if (err->fault == FAULT_CANCELLED) {
			v->reached = err->sent;
			return -ECANCELED;
		}
		r = after_failure(v);
		if (r != AGAIN)
			return r;
	}
}

static int ask(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	flow_env(s->run, v->item, &v->env, &v->meta, v->id);
	v->call = (struct call){ .rec = v->item->rec,
				 .env = &v->env,
				 .arena = arena_get(s),
				 .wants_about = s->wants_about,
				 .wants_sends = s->run->ledger.watch != NULL,
				 .wants_asked = s->keeps || s->place->common.remember_ns > 0 };
	v->call.retry_unsafe = s->place->common.retry && s->place->common.retry->unsafe;
	if (visit_make_key(v, &v->call.err) < 0)
		return -1;
	return s->place->port->ask(&s->site, &v->call, &v->call.err);
}

/* 1: it is there, or the children that were made of it; 0: it failed (call.err); -ECANCELED */
static int get_answer(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	struct err *err = &v->call.err;
	int r = VISIT_ASKS;
	if (ask(v) < 0)
		return attempt_was_cancelled(err) ? -ECANCELED : 0;
	if (s->keeps || s->keeps_children)
		r = visit_recall(v);
	if (r != VISIT_ASKS)
		return r;
	if (visit_guess_cost(v, err) < 0 || visit_take_lanes(v, err) < 0)
		return attempt_was_cancelled(err) ? -ECANCELED : 0;
	r = turn_take(v);
	r = r < 0 ? r : attempts(v);
	turn_give(v);
	return r;
}

static void visit_done(struct visit *v)
{
	struct step *s = v->step;
	answer_done(&v->call.answer);
	memory_end(s->run, &v->claim);
	children_free(v->children, v->children_count);
	buf_done(&v->attempts);
	buf_done(&v->about);
	lane_leave(v->own);
	lane_leave(v->lane);
	arena_put(s, v->call.arena);
}

/* Also when the run is cut short, but not for long: what is left behind may cost its owner. */
static void abandon_request(struct visit *v) SUSPENDS
{
	struct step *s = v->step;
	struct hk_scope shield;
	if (!s->place->port->abandon || !v->call.request)
		return;
	hk_scope_open_shield(&shield, ABANDON_NS);
	s->place->port->abandon(&s->site, &v->call);
	(void)hk_scope_close(&shield, 0);
}

static int visit(void *arg) SUSPENDS
{
	struct item *it = arg;
	struct step *s = it->visiting;
	struct visit v = { .step = s, .item = it, .attempts = { .max = 1u << 20 } };
	int good = get_answer(&v);
	step_eager_leave(s);
	visit_withdraw(&v);
	if (good > 0 && visit_keep(&v) < 0)
		good = 0;
	attempt_give_slot(&v);
	visit_land(&v, good > 0);
	abandon_request(&v);
	/* A cancelled item stays as it is, unsettled: the next run takes it up. */
	int r = good > 0 ? go_on(&v) : good == 0 ? give_up(&v) : good;
	visit_done(&v);
	if (good < 0)
		memory_look(s->run); /* who is younger may have waited for it */
	s->living--;
	hk_event_set(&s->room);
	return r == -ECANCELED ? 0 : r;
}

/* ---- the pump ---- */
static int wait_room(struct step *s) SUSPENDS
{
	while (s->eager >= s->eager_max || s->living >= s->living_max) {
		hk_event_clear(&s->room);
		int r = hk_event_wait(&s->room);
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0, -1: the run is over then, as nobody else takes from this queue. */
static int start_visit(struct step *s, struct item *it, struct hk_group *visits)
{
	it->visiting = s;
	it->resting = false;
	track_let_go(it->track);
	s->living++;
	s->eager++;
	int r = hk_group_spawn(
		visits, visit, it,
		&(struct hk_spawn_options){ .name = s->place->label, .where = HK_HERE });
	if (r == 0)
		return 0;
	struct err err = { 0 };
	s->living--;
	s->eager--;
	fail_errno(&err, FAULT_IO, r, "step '%s': cannot start a task for one more record",
		   s->place->label);
	run_abort(s->run, RUN_FAILED, &err);
	return r;
}

static int pump_items(struct step *s, struct hk_group *visits) SUSPENDS
{
	struct item *it;
	int r;
	while ((r = hk_queue_get(s->in, &it)) == 0) {
		if (s->window_full.since_ns && hk_queue_len(s->in) < hk_queue_capacity(s->in))
			span_set(&s->window_full, false);
		r = wait_room(s);
		if (r < 0)
			return r;
		if (run_leaves(s->run, it))
			continue;
		r = start_visit(s, it, visits);
		if (r < 0)
			return r;
	}
	return r == -EPIPE ? 0 : r;
}

int step_pump(void *arg)
{
	struct step *s = arg;
	struct hk_group visits;
	hk_group_open(&visits,
		      &(struct hk_group_options){ .policy = HK_COLLECT, .name = s->place->label });
	int r = pump_items(s, &visits);
	r = hk_group_close(&visits, r);
	/* Nothing succeeded to the end of the input: so it was the records. After a stop it may be the file yet. */
	doubt_end(s, r == 0 && run_ends_as_meant(s->run));
	if (r == 0)
		flow_ended(s->run, s->index + 1);
	return r;
}
