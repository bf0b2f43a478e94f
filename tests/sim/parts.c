/* parts.c - a run's life in parts: cut off, stopped, begun again, until it is done
 *
 * What this room is for: a crash is made here. At a drawn moment (so much time, so many requests, in the middle of a commit) the
 *   folder is copied as it is, which is what a process killed then leaves behind; what that process would still have done is undone
 *   by putting the copy back. Its connections break, and what it had sent but nobody had read never arrives.
 * What must hold:
 *  (1) nothing of a dead process reaches the far side: it is deaf from the crash to the next part.
 *  (2) half of the parts may end badly; after that the world is kind, and the run must come to its end. */
#include "engine/run/running.h"
#include "world.h"

enum { PARTS_MAX = 60, KIND_FROM = 25 };

void parts_moment(struct world *w)
{
	if (w->moments > 0 && --w->moments == 0)
		hk_event_set(&w->moment);
}

static bool in_commit(const struct world *w)
{
	return w->run && w->run->committing.since_ns;
}

/* The moment: a time, a request, or a commit. */
static int wait_moment(struct world *w) SUSPENDS
{
	int r = hk_sleep(happens(w, 20) ? up_to(w, HK_MS) : up_to(w, w->trouble.part_ns));
	if (happens(w, 33))
		return r;
	if (happens(w, 50)) {
		hk_event_clear(&w->moment);
		w->moments = (uint64_t)up_to(w, 40);
		return r < 0 ? r : hk_event_wait(&w->moment);
	}
	while (r == 0 && !in_commit(w))
		r = hk_sleep(100 * HK_US);
	return r < 0 ? r : hk_sleep(up_to(w, 2 * HK_MS));
}

static void stop_at_once(struct world *w)
{
	run_stop(w->run);
	run_stop(w->run);
}

static void crash(struct world *w)
{
	w->crashed = true;
	w->crashes++;
	w->far.deaf = true;
	folder_keep(w->folder, w->kept);
	hk_sim_reset(80);
	if (w->run)
		stop_at_once(w);
}

static int misfortune(void *arg) SUSPENDS
{
	struct world *w = arg;
	bool crashes = happens(w, w->trouble.crash), stops = happens(w, w->trouble.stop);
	int r = 0;
	if (!crashes && !stops)
		return 0;
	r = wait_moment(w);
	if (r == 0 && stops && w->run) {
		w->stops++;
		run_stop(w->run);
		r = crashes ? hk_sleep(up_to(w, w->options.grace_ns)) : 0;
	}
	if (r == 0 && crashes)
		crash(w);
	return r;
}

static void add_attempts(struct world *w, struct run *run)
{
	for (size_t i = 0; i < run_place_count(run); i++) {
		struct place_stats stats;
		run_place_stats(run, i, &stats);
		w->attempts += stats.attempts;
	}
}

static void go(struct world *w) SUSPENDS
{
	struct err err = { 0 };
	struct run_result result;
	struct run *run;
	if (run_open(w->plan, &w->options, &run, &err) < 0) {
		if (!w->crashed)
			CHECK_STR(err.text, "it opens");
		w->result.end = RUN_FAILED;
		return;
	}
	w->run = run;
	if (w->crashed)
		stop_at_once(w);
	run_go(run, &result);
	add_attempts(w, run);
	w->run = NULL;
	if (result.end == RUN_NOTHING_NEW)
		w->result.end = RUN_FINISHED; /* the end was written down before the crash */
	else
		w->result = result;
	run_close(run);
}

static bool is_over(struct world *w)
{
	if (w->crashed)
		return false;
	if (w->result.end == RUN_FAILED && w->source == FROM_PAGES)
		return false; /* the source gave up; the next part goes on */
	if (w->result.end == RUN_FAILED || w->result.end == RUN_BROKEN)
		CHECK_STR(w->result.err.text, "it goes on");
	return w->result.end == RUN_FINISHED || world_failures > w->failures_before;
}

static bool part(struct world *w) SUSPENDS
{
	struct hk_group g;
	w->crashed = w->far.deaf = false;
	w->moments = 0;
	w->options.grace_ns = up_to(w, 5 * HK_SEC);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, misfortune, w), 0);
	go(w);
	hk_group_cancel(&g);
	int r = hk_group_close(&g, 0);
	CHECK(r == 0 || r == -ECANCELED);
	if (w->crashed)
		folder_put_back(w->kept, w->folder);
	return is_over(w);
}

void parts_live(struct world *w)
{
	for (w->parts = 1; !part(w) && w->parts < PARTS_MAX; w->parts++)
		if (w->parts == KIND_FROM)
			world_be_kind(w);
}
