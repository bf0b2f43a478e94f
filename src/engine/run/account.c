/* account.c - numbers for people: latencies, spans, what limits the run
 *
 * What this room is for: everything that progress lines and the closing account read. Never suspends.
 * What must hold: reading changes nothing but an open span's total. */
#include "engine/run/running.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void span_set(struct span *s, bool on)
{
	int64_t now = hk_now_ns();
	if (on && s->since_ns == 0) {
		s->since_ns = now;
	} else if (!on && s->since_ns != 0) {
		s->total_ns += now - s->since_ns;
		s->since_ns = 0;
	}
}

int64_t span_total_ns(const struct span *s)
{
	return s->total_ns + (s->since_ns ? hk_now_ns() - s->since_ns : 0);
}

/* Four buckets an octave, from 1 us: bucket i holds what is below 1 us * 2^(i/4 + 1/4). */
void latency_add(struct latency *l, int64_t ns)
{
	double octaves = ns > 1000 ? log2((double)ns / 1000.0) : 0;
	size_t i = (size_t)(octaves * 4);
	l->bucket[i < ARRAY_SIZE(l->bucket) ? i : ARRAY_SIZE(l->bucket) - 1]++;
	l->n++;
}

static int64_t percentile_ns(const struct latency *l, unsigned percent)
{
	uint64_t want = (l->n * percent + 99) / 100, seen = 0;
	if (l->n == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(l->bucket); i++) {
		seen += l->bucket[i];
		if (seen >= want)
			return (int64_t)(1000.0 * exp2(((double)i + 0.5) / 4));
	}
	return 0;
}

void run_counts(const struct run *run, struct counts *ret)
{
	*ret = run->ledger.live;
}

size_t run_place_count(const struct run *run)
{
	return run->plan->step_count + run->plan->sink_count;
}

uint64_t run_bytes(const struct run *run)
{
	return run->ledger.bytes;
}

void run_rounds(const struct run *run, struct rounds_stats *ret)
{
	const struct plan *p = run->plan;
	const struct schedule *every = &p->sources[p->source_count - 1].common.every;
	bool given = plan_is_endless(p) && schedule_is_given(every) && !run->replay;
	*ret = (struct rounds_stats){ .every = given ? every : NULL };
	if (!given)
		return;
	ret->begun = run->ledger.round.number;
	ret->next_ns = run->rounds.next_ns;
}

const char *run_id(const struct run *run)
{
	return run->id;
}

/* ---- what holds records back ---- */

/* Of those who wait now; waits are counted when they end. */
static enum lane_cause first_cause(const struct step *s)
{
	const struct lane *lanes[] = { s->own, s->recent };
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		const struct lane *l = lanes[i];
		if (l && (l->starts.first || l->retries.first))
			return l->starts.first ? l->starts.cause : l->retries.cause;
	}
	return LANE_RATE;
}

static enum lane_cause main_cause(const struct step *s)
{
	enum lane_cause most = LANE_RATE;
	for (enum lane_cause c = LANE_RATE; c < LANE_CAUSES; c++)
		if (s->held_ns[c] > s->held_ns[most])
			most = c;
	return s->held_ns[most] ? most : first_cause(s);
}

static const struct lane *down_lane(const struct step *s)
{
	return s->recent && lane_is_down(s->recent) ? s->recent : NULL;
}

/* What holds now: of `auto` the last lane's limit, at most the step's own. */
static unsigned tuned(const struct step *s)
{
	double limit = s->recent ? s->recent->tuner.limit : 0;
	bool smaller = s->place->common.concurrency.automatic && limit >= 1 && limit < s->cap;
	return smaller ? (unsigned)limit : s->cap;
}

/* "waits for api.example.com: it does not answer since 14:03 UTC" */
static int put_down(const struct step *s, const struct lane *l, struct buf *out)
{
	int64_t day_s = 86400;
	int64_t since_s = (hk_wall_ns() - (hk_now_ns() - l->circuit.since_ns)) / HK_SEC;
	int64_t minutes = since_s % day_s / 60;
	return buf_printf(out, "waits for %.*s: it does not answer since %02lld:%02lld UTC",
			  SLICE(lane_name(l)), (long long)minutes / 60, (long long)minutes % 60);
}

/* Behind "limit: http (": what it was, over the whole run. */
static int put_cause(const struct step *s, struct buf *out)
{
	const struct lane *l = s->recent;
	int r;
	switch (main_cause(s)) {
	case LANE_QUOTA:
		return buf_add(out, S("the server's quota"));
	case LANE_PAUSE:
	case LANE_PACE:
		return buf_printf(out, "the server's rate limit: it refused %llu request%s",
				  (unsigned long long)s->throttled, s->throttled == 1 ? "" : "s");
	case LANE_CIRCUIT:
		r = l ? buf_add(out, lane_name(l)) : buf_add(out, S("the server"));
		r = r < 0 ? r : buf_add(out, S(" did not answer for "));
		return r < 0 || !l
			       ? r
			       : units_put_duration(out, circuit_open_ns(&l->circuit, hk_now_ns()));
	case LANE_TOKENS:
		return buf_add(out, S("its rate of tokens"));
	case LANE_FULL:
		return buf_printf(out, "auto: %u at once, more would only wait there", tuned(s));
	case LANE_BUDGET:
		return buf_add(out, S("so many attempts failed that retries had to wait"));
	default:
		return buf_add(out, S("its rate"));
	}
}

static void put_held(const struct step *s, struct place_stats *ret)
{
	AUTO(buf_done) struct buf text = { .max = sizeof ret->held };
	const struct lane *down = down_lane(s);
	if (ret->lane_ns == 0)
		return;
	ret->down = down && s->lane_waiting > 0;
	int r = ret->down ? put_down(s, down, &text) : put_cause(s, &text);
	snprintf(ret->held, sizeof ret->held, "%.*s", r < 0 ? 0 : (int)text.n,
		 text.n ? text.p : "");
}

static void step_stats(struct step *s, struct place_stats *ret)
{
	*ret = (struct place_stats){
		.label = s->place->label,
		.in = s->seen,
		.out = s->passed,
		.dead = s->dead,
		.attempts = s->attempts,
		.retries = s->retries,
		.throttled = s->throttled,
		.recalled = s->recalled,
		.unknown = s->unknown,
		.busy_ns = s->busy_ns,
		.cap = tuned(s),
		.full_ns = span_total_ns(&s->window_full),
		.slots_full_ns = span_total_ns(&s->slots_full),
		.lane_ns = span_total_ns(&s->lane_bound),
		.p50_ns = percentile_ns(&s->latency, 50),
		.p95_ns = percentile_ns(&s->latency, 95),
	};
	if (!s->in)
		return;
	ret->in_flight = s->cap - (unsigned)hk_sem_free(&s->slots);
	ret->queued = hk_queue_len(s->in) + s->living - ret->in_flight;
	ret->queue_cap = s->window;
	put_held(s, ret);
}

void run_place_stats(struct run *run, size_t i, struct place_stats *ret)
{
	if (i < run->plan->step_count) {
		step_stats(&run->steps[i], ret);
		return;
	}
	i -= run->plan->step_count;
	*ret = (struct place_stats){ .label = run->plan->sinks[i].label };
	if (!run->sinks)
		return; /* nothing was new: no sink was opened */
	ret->in = run->ledger.live.delivered;
	ret->out = run->sinks[i].rows;
	ret->busy_ns = span_total_ns(&run->committing);
	ret->queued = run->ledger.ready_count;
}

/* ---- which step is the limit ---- */
struct limit {
	const struct step *step;
	bool lane; /* its rate or the server's, not its slots */
	int64_t ns;
};

static struct limit find_limit(struct run *run)
{
	struct limit most = { 0 };
	for (size_t i = 0; i < run->plan->step_count; i++) {
		struct step *s = &run->steps[i];
		int64_t lane_ns = span_total_ns(&s->lane_bound),
			slots_ns = span_total_ns(&s->slots_full);
		if (slots_ns > most.ns)
			most = (struct limit){ s, false, slots_ns };
		if (lane_ns > most.ns && lane_ns > slots_ns)
			most = (struct limit){ s, true, lane_ns };
	}
	return most;
}

int run_limit_put(struct run *run, struct buf *out)
{
	struct limit most = find_limit(run);
	int64_t wall = hk_now_ns() - run->started_ns, commit_ns = span_total_ns(&run->committing);
	if (wall < HK_SEC)
		return 0;
	int64_t share = most.ns * 100 / wall, short_ns = memory_short_ns(run);
	if (short_ns > commit_ns && short_ns * 2 > wall)
		return buf_printf(out, "memory (attempts waited for it %lld %% of the time)",
				  (long long)(short_ns * 100 / wall));
	if (run->plan->sink_count > 0 && commit_ns > most.ns && commit_ns * 2 > wall)
		return buf_printf(out, "%s (busy writing %lld %% of the time)",
				  run->sinks[0].place->label, (long long)(commit_ns * 100 / wall));
	if (!most.step || share < 20)
		return 0;
	if (!most.lane)
		return buf_printf(out, "%s (%u of %u slots busy %lld %% of the time)",
				  most.step->place->label, most.step->cap, most.step->cap,
				  (long long)(share > 100 ? 100 : share));
	if (down_lane(most.step)) {
		int r = buf_printf(out, "%s ", most.step->place->label);
		return r < 0 ? r : put_down(most.step, down_lane(most.step), out);
	}
	int r = buf_printf(out, "%s (", most.step->place->label);
	r = r < 0 ? r : put_cause(most.step, out);
	return r < 0 ? r
		     : buf_printf(out, "; records waited for it %lld %% of the time)",
				  (long long)share);
}
