/* account.c - the end of a run: an account that adds up, what limited it, what became of the rest
 *
 * What this room is for: nobody has to guess whether all records arrived.
 * What flows through:    a struct run_result in; text, one JSON object and an exit code out.
 * What must hold:
 *  (1) in (+ spawned) = delivered + filtered + duplicate + dead (+ expanded + merged + left); if the engine's numbers do not
 *      add up, that is said and the exit code is 4, whatever else happened.
 *  (2) of several things the worst decides the exit code: 4 > 1 > 5 > 75 > 3 > 0.
 *  (3) who stopped early is told what is left and how to go on. */
#include "cli/account.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/exits.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>

/* The engine counts what is settled; what was read and is not stands beside it, in `left`. */
static uint64_t records_in(const struct run_result *res)
{
	return res->counts.admitted + res->left;
}

static bool balanced(const struct account *a)
{
	const struct counts *c = &a->result->counts;
	return c->admitted + c->spawned ==
	       c->delivered + c->filtered + c->duplicate + c->dead + c->expanded + c->merged;
}

static bool can_go_on(const struct account *a)
{
	return a->state_path && !a->result->volatile_source;
}

/* An early stop that is no failure: there would be no other end. Windows that are open go on with the next run. */
static bool is_drained(const struct account *a)
{
	const struct run_result *r = a->result;
	bool waits = r->held == 0 || (r->held == r->open && can_go_on(a));
	return r->left == 0 && waits && plan_is_endless(a->plan) && !a->replay;
}

static int exit_of_end(const struct account *a)
{
	const struct run_result *r = a->result;
	switch (r->end) {
	case RUN_BROKEN:
		return EXITS_BROKEN;
	case RUN_FAILED:
		return EXITS_FAILED;
	case RUN_STOPPED_BY_FAILURES:
		return EXITS_FAILURES;
	case RUN_STOPPED_EARLY:
		if (is_drained(a)) /* it stops often, and goes on with what it was told of then */
			return r->counts.dead > a->before.dead ? EXITS_DEAD : EXITS_DONE;
		return can_go_on(a) ? EXITS_EARLY : EXITS_FAILED;
	case RUN_LIMITED:
		if ((r->left > 0 || r->held > 0) && !can_go_on(a))
			return EXITS_FAILED; /* read from where it cannot be read again */
		break;
	case RUN_FINISHED:
	case RUN_NOTHING_NEW:
		break;
	}
	return r->counts.dead > r->dead_gone ? EXITS_DEAD : EXITS_DONE;
}

int account_exit(const struct account *a)
{
	return balanced(a) ? exit_of_end(a) : EXITS_BROKEN;
}

/* ---- the account ---- */

static int put_term(struct buf *out, const char *sign, const char *name, uint64_t n)
{
	int r = buf_printf(out, "%s%s ", sign, name);
	return r < 0 ? r : units_put_count(out, (int64_t)n);
}

static int put_if(struct buf *out, const char *name, uint64_t n)
{
	return n > 0 ? put_term(out, " + ", name, n) : 0;
}

static int put_equation(const struct account *a, struct buf *out)
{
	const struct counts *c = &a->result->counts;
	int r = put_term(out, "", "in", records_in(a->result));
	if (r == 0)
		r = put_if(out, "spawned", c->spawned);
	if (r == 0)
		r = put_term(out, " = ", "delivered", c->delivered);
	if (r == 0)
		r = put_term(out, " + ", "filtered", c->filtered);
	if (r == 0)
		r = put_term(out, " + ", "duplicate", c->duplicate);
	if (r == 0)
		r = put_term(out, " + ", "dead", c->dead);
	if (r == 0)
		r = put_if(out, "expanded", c->expanded);
	if (r == 0)
		r = put_if(out, "merged", c->merged);
	return r < 0 ? r : put_if(out, "left", a->result->left);
}

/* The process's own high-water mark. (getrusage would show what the shell had before it became us.) */
static uint64_t peak_rss(void)
{
	char line[128];
	struct slice kib, unit;
	int64_t n = 0;
	FILE *f = fopen("/proc/self/status", "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (!slice_starts(slice_str(line), S("VmHWM:")))
			continue;
		slice_cut(slice_trim(slice_from(slice_str(line), 6)), ' ', &kib, &unit);
		if (units_int(kib, &n) < 0)
			n = 0;
	}
	(void)fclose(f); /* only read */
	return (uint64_t)n * 1024;
}

/* Of this part of the run: a resumed one does not count what an earlier part has done. */
static double records_per_second(const struct account *a)
{
	const struct counts *now = &a->result->counts, *before = &a->before;
	uint64_t settled =
		now->delivered + now->filtered + now->duplicate + now->dead -
		(before->delivered + before->filtered + before->duplicate + before->dead);
	return a->result->wall_ns > 0 ? (double)settled * 1e9 / (double)a->result->wall_ns : 0;
}

static int put_speed(const struct account *a, struct buf *out)
{
	double rate = records_per_second(a);
	int r = buf_add(out, S("        "));
	if (r == 0)
		r = units_put_duration(out, a->result->wall_ns);
	if (r == 0)
		r = buf_add(out, S("   "));
	if (r == 0)
		r = rate < 1000 ? buf_printf(out, "%.1f", rate)
				: units_put_count(out, (int64_t)rate);
	if (r == 0)
		r = buf_add(out, S(" records/s   "));
	if (r == 0)
		r = units_put_size(out, peak_rss());
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_limit(const struct account *a, struct buf *out)
{
	AUTO(buf_done) struct buf limit = { 0 };
	int r = run_limit_put(a->run, &limit);
	if (r < 0 || limit.n == 0)
		return r;
	return buf_printf(out, "limit: %s\n", limit.p);
}

/* ---- what was not called, and what nobody knows of ---- */

static int put_line(uint64_t n, const char *before, struct buf *out)
{
	if (n == 0)
		return 0;
	int r = buf_add(out, slice_str(before));
	r = r < 0 ? r : units_put_count(out, (int64_t)n);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_paid(const struct account *a, struct buf *out)
{
	uint64_t recalled = 0, unknown = 0;
	for (size_t i = 0; i < run_place_count(a->run); i++) {
		struct place_stats s;
		run_place_stats(a->run, i, &s);
		recalled += s.recalled;
		unknown += s.unknown;
	}
	int r = put_line(recalled, "answers taken from memory: ", out);
	return r < 0 ? r
		     : put_line(unknown,
				"calls that may have been done, and whose answer is lost: ", out);
}

/* ---- dead letters ---- */

/* "status(404)" reads "status 404" here. */
static int put_class(struct buf *out, const char *class)
{
	int r = 0;
	for (const char *c = class; r == 0 && *c; c++)
		if (*c != ')')
			r = buf_add_char(out, *c == '(' ? ' ' : *c);
	return r;
}

static int put_kind(struct buf *out, const struct state_dead_kind *k, const char *before)
{
	int r = buf_add(out, slice_str(before));
	if (r == 0)
		r = units_put_count(out, (int64_t)k->n);
	if (r == 0)
		r = buf_printf(out, " at %s (", k->step);
	if (r == 0)
		r = put_class(out, k->class);
	return r < 0 ? r : buf_add_char(out, ')');
}

static int put_dead_places(const struct account *a, struct buf *out)
{
	int r = 0;
	if (a->state_path && a->result->dead_copied)
		r = buf_printf(out, "   kept in %s, copied to %s", path_shown(a->state_path),
			       path_shown(a->plan->dead_path));
	else if (a->state_path || a->plan->dead_path)
		r = buf_printf(out, "   kept in %s",
			       path_shown(a->state_path ? a->state_path : a->plan->dead_path));
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* Of an earlier part of the run: they are in its account, and not dead any more. */
static int put_gone(const struct run_result *res, struct buf *out)
{
	if (res->dead_gone == 0)
		return 0;
	if (res->dead_gone == res->counts.dead)
		return buf_add(out, S(", all replayed or dropped since"));
	int r = buf_add(out, S(", "));
	r = r < 0 ? r : units_put_count(out, (int64_t)res->dead_gone);
	return r < 0 ? r : buf_add(out, S(" replayed or dropped since"));
}

static int put_dead(const struct account *a, struct buf *out)
{
	const struct run_result *res = a->result;
	if (res->counts.dead == 0)
		return 0;
	int r = units_put_count(out, (int64_t)res->counts.dead);
	if (r == 0)
		r = buf_add(out, S(" dead"));
	for (size_t i = 0; r == 0 && i < res->kind_count; i++)
		r = put_kind(out, &res->kinds[i], i == 0 ? ": " : ", ");
	if (r == 0)
		r = put_gone(res, out);
	if (r == 0)
		r = buf_add_char(out, '.');
	if (r == 0)
		r = res->dead_gone == res->counts.dead ? buf_add_char(out, '\n')
						       : put_dead_places(a, out);
	for (size_t i = 0; r == 0 && i < res->kind_count; i++)
		if (res->kinds[i].example[0])
			r = buf_printf(out, "  %s: %s\n", res->kinds[i].step,
				       res->kinds[i].example);
	return r;
}

/* ---- how it ended ---- */

static int put_left(const struct account *a, struct buf *out)
{
	const struct run_result *res = a->result;
	int r = 0;
	if (res->left > 0) {
		r = put_term(out, ": ", "left", res->left);
		r = r < 0 ? r : buf_add(out, S(" that were read and not finished"));
	}
	if (r < 0 || res->held == 0)
		return r;
	r = buf_add(out, res->left > 0 ? S(", ") : S(": "));
	r = r < 0 ? r : units_put_count(out, (int64_t)res->held);
	return r < 0 ? r : buf_add(out, S(" held by steps"));
}

static int put_limited(const struct account *a, struct buf *out)
{
	int r = buf_add(out, a->result->time_is_up ? S("ended as --until says")
						   : S("ended as --limit says"));
	r = r < 0 ? r : put_left(a, out);
	if (r == 0 && a->replay)
		r = buf_add(out, S(". What is left is dead as before"));
	else if (r == 0 && can_go_on(a))
		r = buf_add(out, S(". The next run goes on behind what is done; --fresh starts "
				   "over"));
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_held(const struct run_result *res, struct buf *out)
{
	int r = buf_add(out, res->rounds > 0 ? S(", ") : S(""));
	r = r < 0 ? r : units_put_count(out, (int64_t)res->held);
	return r < 0 ? r : buf_add(out, S(" held by steps until their time"));
}

/* "48 rounds, 6 held by steps until their time; the same command goes on" */
static int put_drained(const struct account *a, struct buf *out)
{
	const struct run_result *res = a->result;
	int r = 0;
	if (res->rounds > 0) {
		r = units_put_count(out, (int64_t)res->rounds);
		r = r < 0 ? r : buf_add(out, res->rounds == 1 ? S(" round") : S(" rounds"));
	}
	if (r == 0 && res->held > 0)
		r = put_held(res, out);
	if (r < 0 || (res->rounds == 0 && res->held == 0))
		return r;
	return buf_add(out, can_go_on(a) ? S("; the same command goes on\n") : S("\n"));
}

static int put_early(const struct account *a, struct buf *out)
{
	if (is_drained(a))
		return put_drained(a, out);
	int r = buf_add(out, S("stopped early"));
	r = r < 0 ? r : put_left(a, out);
	if (r < 0)
		return r;
	if (a->replay)
		return buf_add(out, S(". What is left is dead as before; the same command goes on "
				      "with it\n"));
	if (a->plan->state_off)
		return buf_add(out, S(". Nothing was kept to go on with: the state is off\n"));
	if (a->result->volatile_source)
		return buf_add(
			out,
			S(". The source cannot be read again: there is nothing to go on with\n"));
	if (!a->state_path)
		return buf_add(out, S("\n"));
	return buf_add(out, S(". Run the same command to go on; --fresh starts over\n"));
}

static int put_end(const struct account *a, struct buf *out)
{
	const struct run_result *res = a->result;
	switch (res->end) {
	case RUN_NOTHING_NEW:
		if (a->replay)
			return buf_add(out, S("no dead letters to send again\n"));
		return buf_printf(out, "nothing new since %s; --fresh runs it again\n", res->since);
	case RUN_LIMITED:
		return put_limited(a, out);
	case RUN_STOPPED_EARLY:
		return put_early(a, out);
	case RUN_STOPPED_BY_FAILURES:
	case RUN_FAILED:
	case RUN_BROKEN: {
		int r = buf_printf(out, "hocket: %s: %s\n",
				   res->end == RUN_STOPPED_BY_FAILURES ? "stopped" : "failed",
				   res->err.text);
		if (r == 0 && res->resumable && a->state_path)
			r = buf_add(out, S("Once that is mended, the same command goes on where it "
					   "stopped\n"));
		return r;
	}
	case RUN_FINISHED:
		break;
	}
	return 0;
}

static int put_places(const struct account *a, struct buf *out)
{
	int r = buf_printf(
		out, "run %s, %llu bytes of records at most, %llu written to files meanwhile\n",
		a->result->run_id, (unsigned long long)a->result->peak_bytes,
		(unsigned long long)a->result->spilled_bytes);
	for (size_t i = 0; r == 0 && i < run_place_count(a->run); i++) {
		struct place_stats s;
		run_place_stats(a->run, i, &s);
		r = buf_printf(out,
			       "  %-10s in %llu out %llu dead %llu attempts %llu retries %llu "
			       "throttled %llu\n",
			       s.label, (unsigned long long)s.in, (unsigned long long)s.out,
			       (unsigned long long)s.dead, (unsigned long long)s.attempts,
			       (unsigned long long)s.retries, (unsigned long long)s.throttled);
	}
	return r;
}

int account_put(const struct account *a, struct buf *out)
{
	int r = 0;
	if (a->result->end != RUN_NOTHING_NEW)
		r = put_equation(a, out);
	if (r == 0 && a->result->end != RUN_NOTHING_NEW)
		r = put_speed(a, out);
	if (r == 0 && a->result->end != RUN_NOTHING_NEW)
		r = put_limit(a, out);
	if (r == 0 && a->result->end != RUN_NOTHING_NEW)
		r = put_paid(a, out);
	if (r == 0)
		r = put_dead(a, out);
	if (r == 0 && a->verbose)
		r = put_places(a, out);
	if (r == 0)
		r = put_end(a, out);
	if (r == 0 && !balanced(a))
		r = buf_add(out, S("hocket: the account does not add up: this is a bug in hocket, "
				   "please report it\n"));
	return r;
}

/* ---- JSON ---- */

static const char *end_name(enum run_end end)
{
	static const char *const names[] = {
		[RUN_FINISHED] = "finished",
		[RUN_LIMITED] = "limited",
		[RUN_STOPPED_EARLY] = "stopped_early",
		[RUN_STOPPED_BY_FAILURES] = "stopped_by_failures",
		[RUN_FAILED] = "failed",
		[RUN_BROKEN] = "broken",
		[RUN_NOTHING_NEW] = "nothing_new",
	};
	return names[end];
}

static void put_member(struct json_writer *w, const char *key, uint64_t n)
{
	json_key(w, key);
	json_put_int(w, (int64_t)n);
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_key(w, key);
	json_put_string(w, slice_str(text));
}

static void put_json_counts(struct json_writer *w, const struct run_result *res)
{
	const struct counts *c = &res->counts;
	put_member(w, "in", records_in(res));
	put_member(w, "spawned", c->spawned);
	put_member(w, "delivered", c->delivered);
	put_member(w, "filtered", c->filtered);
	put_member(w, "duplicate", c->duplicate);
	put_member(w, "dead", c->dead);
	put_member(w, "expanded", c->expanded);
	put_member(w, "merged", c->merged);
	put_member(w, "left", res->left);
	put_member(w, "held", res->held);
	put_member(w, "rounds", res->rounds);
}

static void put_json_kinds(struct json_writer *w, const struct run_result *res)
{
	put_member(w, "dead_gone", res->dead_gone);
	json_key(w, "dead_kinds");
	json_open(w, '[');
	for (size_t i = 0; i < res->kind_count; i++) {
		json_open(w, '{');
		put_text(w, "step", res->kinds[i].step);
		put_text(w, "class", res->kinds[i].class);
		put_member(w, "n", res->kinds[i].n);
		put_text(w, "example", res->kinds[i].example);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void put_json_places(struct json_writer *w, struct run *run)
{
	json_key(w, "places");
	json_open(w, '[');
	for (size_t i = 0; i < run_place_count(run); i++) {
		struct place_stats s;
		run_place_stats(run, i, &s);
		json_open(w, '{');
		put_text(w, "step", s.label);
		put_member(w, "in", s.in);
		put_member(w, "out", s.out);
		put_member(w, "dead", s.dead);
		put_member(w, "attempts", s.attempts);
		put_member(w, "retries", s.retries);
		put_member(w, "throttled", s.throttled);
		put_member(w, "recalled", s.recalled);
		put_member(w, "unknown", s.unknown);
		put_member(w, "p50_us", (uint64_t)s.p50_ns / 1000);
		put_member(w, "p95_us", (uint64_t)s.p95_ns / 1000);
		json_close(w, '}');
	}
	json_close(w, ']');
}

int account_put_json(const struct account *a, int exit_code, struct buf *out)
{
	const struct run_result *res = a->result;
	AUTO(buf_done) struct buf limit = { 0 };
	int r = run_limit_put(a->run, &limit);
	if (r < 0)
		return r;
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	put_text(&w, "pipeline", a->plan->name);
	put_text(&w, "run", res->run_id);
	put_text(&w, "end", end_name(res->end));
	put_text(&w, "notice", run_notice(a->run));
	put_member(&w, "exit", (uint64_t)exit_code);
	put_json_counts(&w, res);
	json_key(&w, "resumed");
	json_put_bool(&w, res->resumed);
	json_key(&w, "balanced");
	json_put_bool(&w, balanced(a));
	put_member(&w, "wall_ms", (uint64_t)res->wall_ns / 1000000);
	put_member(&w, "records_per_s", (uint64_t)records_per_second(a));
	put_member(&w, "rss_bytes", peak_rss());
	put_member(&w, "peak_bytes", res->peak_bytes);
	put_member(&w, "spilled_bytes", res->spilled_bytes);
	put_text(&w, "limit", limit.n > 0 ? limit.p : "");
	put_json_kinds(&w, res);
	put_json_places(&w, a->run);
	put_text(&w, "error", res->err.text);
	json_close(&w, '}');
	r = json_writer_end(&w);
	return r < 0 ? r : buf_add_char(out, '\n');
}

int account_put_json_failed(int exit_code, const char *text, struct buf *out)
{
	struct json_writer w = json_writer(out);
	json_open(&w, '{');
	put_text(&w, "end", "not_started");
	put_member(&w, "exit", (uint64_t)exit_code);
	put_text(&w, "error", text);
	json_close(&w, '}');
	int r = json_writer_end(&w);
	return r < 0 ? r : buf_add_char(out, '\n');
}
