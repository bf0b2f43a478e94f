/* stopping.c - everything that ends a run before its input does
 *
 * What this room is for: a signal, --until, --limit, --max-failures and what cannot go on all end here, in one of two ways:
 *
 *   drain    nothing more is read; what was begun may end within the grace, then the rest is cancelled
 *   at once  everything is cancelled; what is ready is still committed
 *
 * What flows through:    nothing; records pass by in the other files.
 * What must hold:
 *  (1) whatever ends it, what is not settled is left to the next run, and nothing of it shows in a sink.
 *  (2) the first cause stays, unless a worse one comes. A second call of run_stop is never slower than the first.
 *  (3) in a drain nobody holds the others up who would only wait: a record that was never attempted is left at once, and so is
 *      one that waits for its retry longer than the grace, or for an origin that is down.
 *  (4) but what cannot be read again, or comes without end, is finished as far as it was read: that is what draining it means.
 *  (5) once too many are dead nobody else is: what fails after that is left. */
#include "engine/run/stopping.h"

#include "engine/run/fold.h"
#include "engine/call/visit.h"

#define GRACE_DEFAULT_NS (25 * HK_SEC)

enum { SHARE_FROM = 100, MILLION = 1000000 };

/* ---- two ways to end ---- */
static void stop_reading(struct run *run)
{
	run->stopping = true;
	hk_event_set(&run->stops);
	/* What the source has in its hand is taken in, where it cannot be had again. */
	if (run->source_open && !(run->admitting && run->finish_all))
		hk_scope_cancel(&run->source_scope);
	hk_event_set(&run->space);
}

static void let_leave(struct run *run)
{
	for (size_t i = 0; i < run->plan->step_count; i++)
		step_let_leave(&run->steps[i]);
	folds_look(run);
}

static void drain(struct run *run)
{
	int64_t wish = run->options.grace_ns, grace = wish > 0 ? wish : 0;
	if (wish == 0)
		grace = GRACE_DEFAULT_NS;
	run->drained_ns = hk_now_ns() + grace;
	stop_reading(run);
	if (run->work_open)
		hk_scope_extend(&run->work_scope, grace);
	let_leave(run);
}

static void stop_at_once(struct run *run)
{
	run->drained_ns = hk_now_ns();
	stop_reading(run);
	if (run->work_open)
		hk_scope_cancel(&run->work_scope);
}

/* ---- who ends it ---- */
void run_stop(struct run *run)
{
	bool again = run->stopping;
	run->cut_short = true;
	if (again)
		stop_at_once(run);
	else
		drain(run);
}

void run_drain(struct run *run)
{
	if (run->stopping)
		return;
	run->time_is_up = true;
	drain(run);
}

int run_wait_stopping(struct run *run)
{
	return run->stopping ? 0 : hk_event_wait(&run->stops);
}

bool run_is_stopping(const struct run *run)
{
	return run->stopping;
}

static int badness(enum run_end end)
{
	static const int of[] = { [RUN_STOPPED_EARLY] = 1,
				  [RUN_STOPPED_BY_FAILURES] = 2,
				  [RUN_FAILED] = 3,
				  [RUN_BROKEN] = 4,
				  [RUN_NOTHING_NEW] = 0 };
	ASSERT((size_t)end < ARRAY_SIZE(of));
	return of[end];
}

bool run_end_is_worse(enum run_end end, enum run_end than)
{
	return badness(end) > badness(than);
}

/* false: what ended it before was as bad. */
static bool take_cause(struct run *run, enum run_end as, const struct err *err)
{
	if (as == RUN_FAILED && err->fault == FAULT_BROKEN)
		as = RUN_BROKEN;
	if (run->failing && !run_end_is_worse(as, run->failed_as))
		return false;
	run->failing = true;
	run->failed_as = as;
	run->err = *err;
	run_redact(run, &run->err);
	return true;
}

static void drain_begun(struct run *run)
{
	if (run->stopping)
		let_leave(run); /* a drain goes on, for those that were begun */
	else
		drain(run);
}

void run_abort(struct run *run, enum run_end as, const struct err *err)
{
	if (!take_cause(run, as, err))
		return;
	if (as == RUN_STOPPED_BY_FAILURES)
		drain_begun(run);
	else
		stop_at_once(run);
}

void run_starve(struct run *run, const struct err *err)
{
	if (take_cause(run, RUN_FAILED, err))
		drain_begun(run);
}

/* ---- limits ---- */
bool run_reads_on(struct run *run)
{
	int64_t limit = run->options.limit;
	if (limit > 0 && run->ledger.live.admitted - run->before.admitted >= (uint64_t)limit)
		run->limit_reached = true;
	return !run->stopping && !run->limit_reached;
}

/* Records of this part of the run whose end is known. */
static uint64_t ended(const struct counts *now, const struct counts *before)
{
	return now->delivered + now->filtered + now->duplicate + now->dead -
	       (before->delivered + before->filtered + before->duplicate + before->dead);
}

static bool is_too_many(const struct run *run, uint64_t dead, uint64_t of)
{
	const struct failure_limit *limit = &run->options.max_failures;
	if (limit->count > 0)
		return dead >= (uint64_t)limit->count;
	return limit->per_million > 0 && of >= SHARE_FROM &&
	       dead * MILLION >= (uint64_t)limit->per_million * of;
}

void run_note_dead(struct run *run, const char *label, const struct err *why)
{
	uint64_t dead = run->ledger.live.dead - run->before.dead;
	uint64_t of = ended(&run->ledger.live, &run->before);
	if (run->failing || !is_too_many(run, dead, of))
		return;
	struct err err = *why;
	err_wrap(&err, "%llu of %llu records failed, which is the limit; the last at '%s': ",
		 (unsigned long long)dead, (unsigned long long)of, label);
	run_abort(run, RUN_STOPPED_BY_FAILURES, &err);
}

bool run_ends_as_meant(const struct run *run)
{
	return run->source_ended || (run->time_is_up && !run->cut_short);
}

/* ---- what is left ---- */
bool run_leaves(const struct run *run, const struct item *it)
{
	return run->stopping && (run->failing || (!run->finish_all && !it->touched));
}

bool run_finishes_all(const struct plan *plan)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].facts.endless)
			return true;
	return plan_is_volatile(plan);
}

bool run_is_volatile(const struct run *run)
{
	return !run->replay && plan_is_volatile(run->plan);
}
