/* progress.c - what a run says while it runs: a bar of one line a step, plain lines, or JSON lines
 *
 * What this room is for: at every moment one can see where the run stands and which step is the limit, and why.
 * What flows through:    the run's counters in, read ten times a second; text on stderr out.
 * What must hold:
 *  (1) reading never suspends and changes nothing in the run.
 *  (2) the bar redraws its own lines only; messages (progress_say) go above it; at the end it is gone and the account stands
 *      in its place.
 *  (3) a step is marked (>) as the limit when its slots were all taken, or records waited for its rate, for most of the
 *      last second; the account at the end judges the whole run. */
#include "cli/progress.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/term.h"
#include <hocket/dump.h>
#include <hocket/run.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICKS_A_SECOND = 10, PLAIN_EVERY = 5 * TICKS_A_SECOND };
#define TICK_NS (HK_SEC / TICKS_A_SECOND)

struct gauge { /* one place, over the last moments */
	struct place_stats now;
	uint64_t out_before;
	int64_t full_before, held_before;
	double rate; /* records a second, smoothed */
	double full; /* share of time in which all slots were taken, smoothed */
	double held; /* share of time in which records waited for their turn in a lane: its rate, or the far side's */
};
struct progress {
	struct run *run;
	const struct plan *plan;
	enum progress_kind kind;
	int64_t started_ns, sampled_ns;
	struct counts counts;
	uint64_t delivered_before;
	double rate;
	struct counts told; /* as the last plain line said */
	struct gauge *gauges;
	size_t gauge_count;
	bool color;
};

static bool data_on_terminal(const struct plan *plan)
{
	for (size_t i = 0; i < plan->sink_count; i++)
		if (slice_eq_str(S("stdout"), plan->sinks[i].port->name) && isatty(STDOUT_FILENO))
			return true;
	return false;
}

static enum progress_kind choose(const struct plan *plan, enum progress_kind kind)
{
	if (kind != PROGRESS_AUTO)
		return kind;
	if (data_on_terminal(plan)) /* the records themselves are the progress */
		return PROGRESS_NONE;
	return term_smart(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_PLAIN;
}

struct progress *progress_new(struct run *run, const struct plan *plan, enum progress_kind kind)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	*p = (struct progress){
		.run = run,
		.plan = plan,
		.kind = choose(plan, kind),
		.started_ns = hk_now_ns(),
		.sampled_ns = hk_now_ns(),
		.gauge_count = run_place_count(run),
		.color = term_color(STDERR_FILENO),
	};
	p->gauges = xcalloc(p->gauge_count + 1, sizeof(*p->gauges));
	run_counts(run, &p->counts);
	p->delivered_before = p->counts.delivered;
	return p;
}

/* ---- sampling ---- */

static void smooth(double *value, double sample)
{
	*value += (sample - *value) / TICKS_A_SECOND;
}

/* What a sink refuses at the last moment has been counted as delivered: then there is less than there was. */
static double more_than(uint64_t now, uint64_t before)
{
	return now > before ? (double)(now - before) : 0;
}

static void sample_place(struct progress *p, size_t i, double seconds)
{
	struct gauge *g = &p->gauges[i];
	run_place_stats(p->run, i, &g->now);
	smooth(&g->rate, more_than(g->now.out, g->out_before) / seconds);
	smooth(&g->full, (double)(g->now.slots_full_ns - g->full_before) / 1e9 / seconds);
	smooth(&g->held, (double)(g->now.lane_ns - g->held_before) / 1e9 / seconds);
	g->out_before = g->now.out;
	g->full_before = g->now.slots_full_ns;
	g->held_before = g->now.lane_ns;
}

static void sample(struct progress *p)
{
	int64_t now = hk_now_ns();
	double seconds = (double)(now - p->sampled_ns) / 1e9;
	if (seconds <= 0)
		return;
	p->sampled_ns = now;
	run_counts(p->run, &p->counts);
	smooth(&p->rate, more_than(p->counts.delivered, p->delivered_before) / seconds);
	p->delivered_before = p->counts.delivered;
	for (size_t i = 0; i < p->gauge_count; i++)
		sample_place(p, i, seconds);
}

/* The place that holds the others back now; gauge_count: none stands out. */
static size_t limiting(const struct progress *p)
{
	size_t best = p->gauge_count;
	double most = 0.5;
	for (size_t i = 0; i < p->gauge_count; i++) {
		const struct gauge *g = &p->gauges[i];
		double share = g->held > g->full ? g->held : g->full;
		if (g->now.down)
			return i;
		if (g->now.cap > 0 && share > most) {
			most = share;
			best = i;
		}
	}
	return best;
}

static int put_rate(struct buf *out, double rate)
{
	if (rate < 10)
		return buf_printf(out, "%.1f/s", rate);
	int r = units_put_count(out, (int64_t)(rate + 0.5));
	return r < 0 ? r : buf_add(out, S("/s"));
}

static int put_counted(struct buf *out, const char *before, uint64_t n, const char *after)
{
	int r = buf_add(out, slice_str(before));
	if (r == 0)
		r = units_put_count(out, (int64_t)n);
	return r < 0 ? r : buf_add(out, slice_str(after));
}

/* ---- the bar ---- */

/* "  round 12, the next at 14:30" */
static int put_round(const struct progress *p, struct buf *out)
{
	struct rounds_stats s;
	run_rounds(p->run, &s);
	if (!s.every)
		return 0;
	int r = s.begun ? buf_printf(out, "  round %llu", (unsigned long long)s.begun) : 0;
	if (r < 0 || s.next_ns == 0)
		return r;
	r = buf_add(out, s.begun ? S(", the next ") : S("  the first round "));
	return r < 0 ? r : schedule_put_next(out, s.every, s.next_ns, hk_wall_ns());
}

static int put_totals(const struct progress *p, struct buf *out)
{
	const struct counts *c = &p->counts;
	int r = put_counted(out, "", c->admitted, " in");
	if (r == 0)
		r = put_counted(out, "  ", c->delivered, " delivered");
	if (r == 0 && c->filtered > 0)
		r = put_counted(out, "  ", c->filtered, " filtered");
	if (r == 0 && c->dead > 0)
		r = put_counted(out, "  ", c->dead, " dead");
	if (r == 0)
		r = buf_add(out, S("  "));
	if (r == 0)
		r = put_rate(out, p->rate);
	if (r == 0)
		r = buf_add(out, S("  "));
	if (r == 0)
		r = units_put_duration(out, (p->sampled_ns - p->started_ns) / HK_SEC * HK_SEC);
	if (r == 0)
		r = buf_add(out, S("  "));
	if (r == 0)
		r = units_put_size(out, run_bytes(p->run));
	return r < 0 ? r : put_round(p, out);
}

static int put_troubles(const struct place_stats *s, struct buf *out)
{
	int r = 0;
	if (s->retries > 0)
		r = put_counted(out, "  ", s->retries, " retries");
	if (r == 0 && s->throttled > 0)
		r = put_counted(out, "  ", s->throttled, " throttled");
	if (r == 0 && s->dead > 0)
		r = put_counted(out, "  ", s->dead, " dead");
	return r;
}

static int put_percentiles(const struct place_stats *s, struct buf *out)
{
	if (s->p50_ns == 0)
		return 0;
	int r = buf_add(out, S("  p50 "));
	if (r == 0)
		r = units_put_duration(out, s->p50_ns);
	if (r == 0)
		r = buf_add(out, S(" p95 "));
	return r < 0 ? r : units_put_duration(out, s->p95_ns);
}

/* The last line of the bar: which step holds the others back now, and why. Empty when none stands out. */
static int put_limit(const struct progress *p, size_t limit, struct buf *out)
{
	if (limit == p->gauge_count)
		return 0;
	const struct gauge *g = &p->gauges[limit];
	if (g->now.down)
		return buf_printf(out, "limit: %s %s", g->now.label, g->now.held);
	if (g->full >= g->held)
		return buf_printf(out, "limit: %s: all %u busy", g->now.label, g->now.cap);
	return buf_printf(out, "limit: %s: %s", g->now.label, g->now.held);
}

static int put_place(const struct progress *p, size_t i, bool marked, struct buf *out)
{
	const struct gauge *g = &p->gauges[i];
	const struct place_stats *s = &g->now;
	int r = buf_printf(out, "%c %-10s ", marked ? '>' : ' ', s->label);
	size_t rate_at = out->n;
	if (r == 0)
		r = put_rate(out, g->rate);
	while (r == 0 && out->n < rate_at + 9)
		r = buf_add_char(out, ' ');
	if (r == 0 && s->cap > 0)
		r = buf_printf(out, "  %u of %u in flight", s->in_flight, s->cap);
	if (r == 0 && s->queue_cap > 0)
		r = buf_printf(out, "  queue %zu/%zu", s->queued, s->queue_cap);
	if (r == 0)
		r = put_troubles(s, out);
	return r < 0 ? r : put_percentiles(s, out);
}

/* Lines of the bar on the screen. Of the process, as the screen is, and read by the thread that reports a stall. */
static atomic_size_t drawn;

/* What takes the bar off the screen; empty when there is none. */
static struct slice take_bar(char up[static 32])
{
	size_t lines = atomic_exchange(&drawn, 0);
	int n = lines > 0 ? snprintf(up, 32, "\r\033[%zuA\033[J", lines) : 0;
	return (struct slice){ up, (size_t)n };
}

static void erase(void)
{
	char up[32];
	struct slice s = take_bar(up);
	if (s.n > 0)
		say_raw(s);
}

/* Lines of ASCII, cut at the terminal's width so that each stays one line; the totals in bold. */
static int put_cut(struct buf *out, struct slice line, bool bold)
{
	struct slice s = slice_head(line, term_width(STDERR_FILENO) - 1);
	return buf_printf(out, "%s%.*s%s\033[K\n", bold ? "\033[1m" : "", SLICE(s),
			  bold ? "\033[0m" : "");
}

static int put_bar(struct progress *p, struct buf *out)
{
	AUTO(buf_done) struct buf line = { 0 };
	size_t limit = limiting(p);
	size_t before = atomic_load(&drawn);
	int r = before > 0 ? buf_printf(out, "\r\033[%zuA", before) : 0;
	if (r == 0)
		r = put_totals(p, &line);
	if (r == 0)
		r = put_cut(out, buf_slice(&line), p->color);
	for (size_t i = 0; r == 0 && i < p->gauge_count; i++) {
		buf_clear(&line);
		r = put_place(p, i, i == limit, &line);
		if (r == 0)
			r = put_cut(out, buf_slice(&line), false);
	}
	buf_clear(&line);
	if (r == 0)
		r = put_limit(p, limit, &line);
	if (r == 0)
		r = put_cut(out, buf_slice(&line), false);
	atomic_store(&drawn, p->gauge_count + 2);
	return r;
}

/* ---- plain and JSON lines ---- */

static int put_plain(struct progress *p, struct buf *out)
{
	int r = put_totals(p, out);
	for (size_t i = 0; r == 0 && i < p->gauge_count; i++) {
		const struct place_stats *s = &p->gauges[i].now;
		if (s->cap == 0)
			continue;
		r = buf_printf(out, "; %s %u of %u in flight", s->label, s->in_flight, s->cap);
		if (r == 0)
			r = put_troubles(s, out);
	}
	size_t limit = limiting(p);
	if (r == 0 && limit < p->gauge_count)
		r = buf_add(out, S("; "));
	if (r == 0)
		r = put_limit(p, limit, out);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static void put_json_place(struct json_writer *w, const struct place_stats *s)
{
	json_open(w, '{');
	json_key(w, "step");
	json_put_string(w, slice_str(s->label));
	const struct {
		const char *key;
		int64_t value;
	} members[] = {
		{ "in", (int64_t)s->in },
		{ "out", (int64_t)s->out },
		{ "dead", (int64_t)s->dead },
		{ "in_flight", s->in_flight },
		{ "cap", s->cap },
		{ "queued", (int64_t)s->queued },
		{ "retries", (int64_t)s->retries },
		{ "throttled", (int64_t)s->throttled },
		{ "p50_us", s->p50_ns / HK_US },
		{ "p95_us", s->p95_ns / HK_US },
	};
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_key(w, members[i].key);
		json_put_int(w, members[i].value);
	}
	json_close(w, '}');
}

static int put_json(struct progress *p, struct buf *out)
{
	struct json_writer w = json_writer(out);
	struct rounds_stats rounds;
	run_rounds(p->run, &rounds);
	json_open(&w, '{');
	const struct {
		const char *key;
		int64_t value;
	} members[] = {
		{ "ms", (p->sampled_ns - p->started_ns) / HK_MS },
		{ "in", (int64_t)p->counts.admitted },
		{ "delivered", (int64_t)p->counts.delivered },
		{ "filtered", (int64_t)p->counts.filtered },
		{ "dead", (int64_t)p->counts.dead },
		{ "bytes", (int64_t)run_bytes(p->run) },
		{ "round", (int64_t)rounds.begun },
		{ "next_ms", rounds.next_ns / HK_MS },
	};
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_key(&w, members[i].key);
		json_put_int(&w, members[i].value);
	}
	json_key(&w, "places");
	json_open(&w, '[');
	for (size_t i = 0; i < p->gauge_count; i++)
		put_json_place(&w, &p->gauges[i].now);
	json_close(&w, ']');
	json_close(&w, '}');
	int r = json_writer_end(&w);
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* A run without an end says nothing when nothing happens: what it says goes into a log. */
static bool is_news(struct progress *p)
{
	bool same = memcmp(&p->told, &p->counts, sizeof p->told) == 0;
	p->told = p->counts;
	return !same || !plan_is_endless(p->plan);
}

static void show(struct progress *p, uint64_t tick)
{
	AUTO(buf_done) struct buf out = { 0 };
	int r = 0;
	if (p->kind == PROGRESS_BAR)
		r = put_bar(p, &out);
	else if (p->kind == PROGRESS_PLAIN && tick % PLAIN_EVERY == 0 && is_news(p))
		r = put_plain(p, &out);
	else if (p->kind == PROGRESS_JSON && tick % TICKS_A_SECOND == 0)
		r = put_json(p, &out);
	if (r == 0)
		say_raw(buf_slice(&out));
}

int progress_task(void *arg) SUSPENDS
{
	struct progress *p = arg;
	for (uint64_t tick = 1; p->kind != PROGRESS_NONE; tick++) {
		int r = hk_sleep(TICK_NS);
		if (r < 0)
			return r;
		sample(p);
		show(p, tick);
	}
	return 0;
}

void progress_say(struct progress *p, const char *fmt, ...)
{
	AUTO(buf_done) struct buf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	int r = buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (r < 0)
		return;
	erase();
	say("%s", b.p);
}

void progress_said(const char *label, struct slice line)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (term_put_said(label, line, &b) < 0)
		return;
	erase();
	say_raw(buf_slice(&b));
}

void progress_warned(const char *label, struct slice line)
{
	erase();
	say("%s: %.*s", label, SLICE(line));
}

void progress_dump(void)
{
	erase();
	(void)hk_dump(STDERR_FILENO,
		      HK_DUMP_STACKS); /* where messages go there is nobody to tell */
}

void progress_report(enum hk_report kind, const char *text, void *arg)
{
	AUTO(buf_done) struct buf out = { 0 };
	char up[32];
	int r = buf_add(&out, take_bar(up));
	if (r == 0 && buf_add(&out, slice_str(text)) == 0)
		say_raw(buf_slice(&out));
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	erase();
	free(p->gauges);
	free(p);
}
