/* rounds.c - the rounds of a source that is read again for ever
 *
 * What this room is for: see rounds.h.
 * What flows through:    nothing: records pass by in intake.c and commit.c.
 * What must hold:
 *  (1) the source's task asks, the committer does: while it does, nothing is admitted to the source's stream.
 *  (2) what fails in a round does not end a run that has been through one: it is told, and the next round tries again. But our own
 *      state and disk are not the far side.
 *  (3) a duration counts from the beginning of the round before, and what was missed is made good once, at once. A moment of cron that
 *      passes while a round goes on, or while nobody runs, is passed over. */
#include "engine/run/rounds.h"

#include "base/hash.h"
#include "engine/run/mark.h"
#include "engine/run/stopping.h"
#include "engine/run/upkeep.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_NS (60 * HK_SEC)   /* the clock on the wall may be set */
#define SET_BACK_NS   (3600 * HK_SEC) /* by more than this: then its moments come again */

enum { MARK_MAX = 256 << 20 };

/* ---- what the committer does ---- */
static bool is_asked(const struct run *run)
{
	return run->rounds.wants != ROUND_NOTHING;
}

bool rounds_wait(const struct run *run)
{
	return is_asked(run);
}

bool rounds_hurry(const struct run *run)
{
	return is_asked(run) && run->ledger.ready_count >= run->ledger.streams[0].tracks;
}

bool rounds_are_due(const struct run *run)
{
	return is_asked(run) && run->ledger.streams[0].tracks == 0;
}

static bool is_of(const struct split *s, const struct step *source)
{
	return !s->made && s->source == source->index + 1;
}

/* To where the next round begins; the splits whose pages nobody needs any more. */
static size_t move_splits(struct run *run, const char **ret)
{
	const struct step *source = run->rounds.source;
	const struct facts *f = &source->place->facts;
	size_t n = 0;
	for (struct split *s = run->ledger.splits; s; s = s->next) {
		if (!is_of(s, source))
			continue;
		s->source = 0; /* who does not ask for it any more has lost it */
		if (f->anew)
			split_start_anew(s);
		else if (!split_start_onward(s))
			continue;
		ret[n++] = s->name;
	}
	return n;
}

static size_t count_splits(const struct run *run)
{
	const struct split *last = run->ledger.last_split;
	return last ? last->number + 1 : 0;
}

static int put_round(struct run *run, const char *const *splits, size_t n, struct err *err) SUSPENDS
{
	struct state_receipt receipts[PLAN_SINKS_MAX];
	AUTO(buf_done) struct buf mark = { .max = MARK_MAX };
	if (mark_put(&run->ledger, run->id, NULL, NULL, &mark) < 0)
		return fail(err, FAULT_IO, "the checkpoint is too large");
	return state_put_round(run->state, run->id, buf_slice(&mark), receipts,
			       run_receipts(run, receipts), splits, n, err);
}

static int end_round(struct run *run, struct err *err) SUSPENDS
{
	const char **splits = xcalloc(count_splits(run) + 1, sizeof *splits);
	size_t n = move_splits(run, splits);
	run->ledger.round.over = true;
	int r = put_round(run, splits, n, err);
	free(splits);
	return r;
}

static int begin_round(struct run *run, struct err *err) SUSPENDS
{
	struct round *round = &run->ledger.round;
	*round = (struct round){ .number = round->number + 1, .began_ns = hk_wall_ns() };
	return put_round(run, NULL, 0, err);
}

int rounds_turn(struct run *run, struct err *err)
{
	enum round_turn wants = run->rounds.wants;
	int r = 0;
	if (!rounds_are_due(run))
		return 0;
	if (wants == ROUND_OVER)
		r = end_round(run, err);
	else if (wants == ROUND_BEGIN)
		r = begin_round(run, err);
	run->rounds.wants = ROUND_NOTHING;
	hk_event_set(&run->rounds.turned);
	return r < 0 ? -1 : 1;
}

/* ---- what the source asks for ---- */
static int turn(struct intake *in, enum round_turn wants, struct err *err) SUSPENDS
{
	struct run *run = in->run;
	struct rounds *rounds = &run->rounds;
	rounds->source = in->source;
	rounds->wants = wants;
	hk_event_clear(&rounds->turned);
	hk_event_set(&run->ready);
	hk_event_set(&run->full);
	run_wake_source(run); /* what is in doubt may be all that there is to wait for */
	int r = 0;
	while (r == 0 && rounds->wants != ROUND_NOTHING) {
		hk_event_clear(&rounds->turned);
		r = hk_event_wait(&rounds->turned);
	}
	rounds->wants = ROUND_NOTHING;
	return r < 0 || !run_reads_on(run) ? fail(err, FAULT_CANCELLED, "stopped") : 0;
}

/* ---- waiting for the moment ---- */

/* Not longer than a minute at a time: a machine that sleeps stops the loop's clock. */
static int look_later(int64_t left) SUSPENDS
{
	return hk_sleep(left < LOOK_EVERY_NS ? left : LOOK_EVERY_NS);
}

/* Never longer than a whole one, whatever becomes of the clock on the wall. */
static int wait_duration(struct run *run, int64_t every_ns) SUSPENDS
{
	const struct round *round = &run->ledger.round;
	int64_t latest = hk_now_ns() + every_ns, due;
	if (round->number == 0)
		return 0;
	if (__builtin_add_overflow(round->began_ns, every_ns, &due))
		due = INT64_MAX;
	for (;;) {
		int64_t now = hk_wall_ns(), left = due <= now ? 0 : due - now;
		left = left < latest - hk_now_ns() ? left : latest - hk_now_ns();
		if (left <= 0)
			return 0;
		run->rounds.next_ns = now + left;
		int r = look_later(left);
		if (r < 0)
			return r;
	}
}

/* A clock that was set back a little does not bring the same moment twice. */
static int64_t next_moment(const struct run *run, const struct schedule *s, int64_t now)
{
	int64_t last = run->rounds.last_ns;
	return schedule_next_ns(s, last > now && last - now < SET_BACK_NS ? last : now);
}

static int wait_cron(struct run *run, const struct schedule *s) SUSPENDS
{
	struct rounds *rounds = &run->rounds;
	int64_t now = hk_wall_ns(), next = next_moment(run, s, now);
	while (now < next) {
		rounds->next_ns = next;
		int64_t before = now;
		int r = look_later(next - now);
		if (r < 0)
			return r;
		now = hk_wall_ns();
		if (now < before - SET_BACK_NS)
			next = schedule_next_ns(s, now);
	}
	rounds->last_ns = next;
	return 0;
}

static int wait_moment(struct intake *in, struct err *err) SUSPENDS
{
	struct run *run = in->run;
	const struct schedule *s = &in->source->place->common.every;
	int r = s->every_ns ? wait_duration(run, s->every_ns) : wait_cron(run, s);
	run->rounds.next_ns = 0;
	return r < 0 || !run_reads_on(run) ? fail(err, FAULT_CANCELLED, "stopped") : 0;
}

/* ---- what is told ---- */
/* Once, however many rounds fail alike. */
static void tell_failed(struct intake *in, const struct err *err)
{
	uint64_t what = hash_end(hash_add(HASH_START, slice_str(err->text))) | 1;
	if (what != in->run->rounds.told)
		site_warnf(&in->source->site, "%s; the next round tries again", err->text);
	in->run->rounds.told = what;
}

static void tell_gone(struct intake *in)
{
	for (struct split *s = in->run->ledger.splits; s; s = s->next) {
		if (!s->gone || s->gone_told)
			continue;
		site_warnf(&in->source->site, "'%s' is gone; what was read of it stays", s->name);
		s->gone_told = true;
	}
}

/* ---- one round ---- */
static bool is_other_file(const struct err *err)
{
	return err->fault == FAULT_CONFIG && err->code == ESTALE;
}

/* In the first round somebody is there who can mend it. */
static bool may_pass(const struct intake *in, const struct err *err)
{
	if (in->broken || err->fault == FAULT_BROKEN)
		return false;
	return in->run->rounds.made > 0 || fault_policy(err) == POLICY_RETRY;
}

/* What stood there was read; what stands there now is read from its start. */
static int begin_other(struct intake *in, struct err *err) SUSPENDS
{
	struct split *s = in->asked;
	site_warnf(&in->source->site,
		   "'%s' has other content than before: it is read from its beginning", s->name);
	if (turn(in, ROUND_SETTLE, err) < 0)
		return -1;
	split_start_anew(s);
	return 0;
}

/* 0: it was read to its end; 1: it was not, which was told; -1 */
static int one_round(struct intake *in, struct err *err) SUSPENDS
{
	while (source_read(in, err) < 0) {
		if (err->fault == FAULT_CANCELLED)
			return -1;
		if (is_other_file(err) && in->asked) {
			if (begin_other(in, err) < 0)
				return -1;
			continue;
		}
		if (!may_pass(in, err))
			return -1;
		tell_failed(in, err);
		return 1;
	}
	in->run->rounds.told = 0;
	return 0;
}

/* Killed in the middle of a round, it goes on there. */
static bool is_in_round(const struct run *run)
{
	const struct round *round = &run->ledger.round;
	return run->resumed && round->number > 0 && !round->over;
}

int rounds_read(struct intake *in, struct err *err)
{
	struct run *run = in->run;
	bool begun = is_in_round(run);
	for (;;) {
		if (!begun && (wait_moment(in, err) < 0 || turn(in, ROUND_BEGIN, err) < 0))
			return -1;
		begun = false;
		int r = one_round(in, err);
		if (r < 0 || turn(in, r > 0 ? ROUND_SETTLE : ROUND_OVER, err) < 0)
			return -1;
		tell_gone(in);
		run->rounds.made++;
		upkeep_copy_dead(run, true);
	}
}
