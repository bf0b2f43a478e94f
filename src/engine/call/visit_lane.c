/* visit_lane.c - which lanes a record goes through, and what its attempts tell them
 *
 * What this room is for: from options (`rate`, `concurrency: auto`) and the request to lanes; from answers and faults to outcomes.
 * What flows through:    visits, on their way into attempts and out of them (step.c).
 * What must hold: (1) each start of a lane is ended once, whatever became of the attempt. (2) the origin's lane alone learns
 *   whether the far side answers; a step's own one only counts. */
#include "engine/call/visit.h"

#include <errno.h>

static void bind_lane(struct lane *l, const struct rate_option *rate)
{
	lane_limit(l, &rate->starts);
	lane_limit_tokens(l, &(struct token_rate){ rate->tokens, rate->tokens_per_ns });
}

/* The same as the last one's, nearly always. */
static struct lane *origin_lane(struct step *s, struct slice key)
{
	if (s->recent && slice_eq_str(key, s->recent->key)) {
		s->recent->users++;
		return s->recent;
	}
	struct lane *l = lanes_get(s->run->lanes, key);
	lane_leave(s->recent);
	s->recent = l;
	l->users++;
	if (s->place->common.concurrency.automatic)
		lane_tune(l, s->cap);
	if (s->place->common.rate.starts.per_host)
		bind_lane(l, &s->place->common.rate);
	return l;
}

/* `rate: ... per <jq>`: each value has its own. */
static int take_key_lane(struct visit *v, struct err *err) SUSPENDS
{
	struct step *s = v->step;
	const struct rate_option *rate = &s->place->common.rate;
	AUTO(buf_done) struct buf key = { .max = 4096 };
	int r = buf_printf(&key, "step %s per ", s->place->label);
	if (r == 0 && jq_one(rate->key, &v->env, &key, err) < 0)
		return err->fault == FAULT_CANCELLED ? -1 : err_wrap(err, "rate: ");
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "rate: the key is too long");
	v->own = lanes_get(s->run->lanes, buf_slice(&key));
	bind_lane(v->own, rate);
	return 0;
}

int visit_guess_cost(struct visit *v, struct err *err)
{
	const struct rate_option *rate = &v->step->place->common.rate;
	if (!rate->cost)
		return 0;
	if (answer_cost(rate->cost, &v->env, &v->cost, err) < 0)
		return err_wrap(err, "rate: cost: ");
	v->ticket.cost = v->cost;
	return 0;
}

int visit_take_lanes(struct visit *v, struct err *err)
{
	struct step *s = v->step;
	if (s->run->options.stand_in)
		return 0;
	if (v->call.lane.n)
		v->lane = origin_lane(s, v->call.lane);
	if (s->place->common.rate.key)
		return take_key_lane(v, err);
	v->own = s->own;
	if (v->own)
		v->own->users++;
	return 0;
}

/* A database that says why it failed is there, unless it says that it is not (going down, starting, full). */
static bool says_it_is_down(const struct err *err)
{
	static const char *const starts[] = { "08", "53", "57P" };
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (slice_starts(slice_str(err->state), slice_str(starts[i])))
			return true;
	return false;
}

/* What a failed attempt says about the far side. */
enum lane_outcome visit_outcome(const struct visit *v)
{
	const struct err *err = &v->call.err;
	if (err->away)
		return LANE_AWAY;
	if (err->fault == FAULT_RATE_LIMITED)
		return LANE_REFUSED;
	if (v->call.verdict == VERDICT_ANSWER)
		return err->fault == FAULT_STATUS && err->code >= 500 ? LANE_DOWN : LANE_SERVED;
	if (fault_of_connection(err->fault))
		return LANE_DOWN;
	switch (err->fault) {
	case FAULT_TRUNCATED:
		return LANE_DOWN;
	case FAULT_SQL:
		return says_it_is_down(err) ? LANE_DOWN : LANE_SERVED;
	case FAULT_SMTP: /* of the server: it takes no more for now; of this mail: an answer */
		return err->whole ? LANE_REFUSED : LANE_SERVED;
	default:
		return LANE_UNKNOWN;
	}
}

void visit_tell_lanes(struct visit *v, bool good)
{
	const struct answer *a = &v->call.answer;
	struct lane_end end = { .outcome = good ? LANE_SERVED : visit_outcome(v),
				.who = (uintptr_t)v->item };
	if (v->step->place->common.rate.used && good)
		end.used_known = answer_used(v->step, &v->env, a, &end.used);
	else if (end.outcome == LANE_REFUSED)
		end.used_known = true; /* it cost nothing */
	if (v->own) {
		struct lane_end own = { LANE_UNKNOWN, end.used_known, end.used, 0 };
		lane_finish(v->own, &v->ticket, &own);
	}
	if (!v->lane)
		return;
	if (v->call.verdict == VERDICT_ANSWER && a->quota_reset_ns > 0)
		lane_told(v->lane, a->quota_left, a->quota_reset_ns);
	lane_finish(v->lane, &v->ticket, &end);
	if (end.outcome == LANE_SERVED && v->paid)
		lane_give_back(v->lane);
}
