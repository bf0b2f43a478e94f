/* process_pool.c - warm worker processes for CPU work
 *
 * What this room is for: who gets which worker, and when there is one more. What happens with a worker is process_worker.c's.
 * What flows through:    calls, which wait in one line, first come, first served; workers, which are in the stack of idle
 *   ones, belong to a caller, or are on their way in or out.
 *
 *      call --> an idle worker? --- yes ---> BUSY --> give: worn? --> retire
 *                    | no                               | else the first in line has it, else it is idle
 *                    v                                  v
 *               the line <---------------- ready: a worker has said hello
 *
 *   Idle workers are a stack: the one that worked last has the warmest caches, and those that a quiet pool does not need
 *   stay untouched and can be paged out.
 * What must hold:
 *  (1) calls wait only while no worker is idle.
 *  (2) never more than `workers` processes: one that is on its way out counts until it has been reaped.
 *  (3) the start of a worker belongs to the pool, not to the call that caused it: a caller that gives up after 5 s does not
 *      keep a worker that needs 20 s from ever becoming warm.
 *  (4) a start is tried when a call comes or a worker goes while calls wait, and never because a start failed: when one fails
 *      and no other worker is there or on its way in, all waiting calls fail with its reason. */
#include "rt/pool.h"
#include <errno.h>
#include <hocket/group.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "rt/group.h"
#include "rt/process_worker.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "rt/waitlist.h"
#include "base/banned.h"

struct hk_process_pool {
	struct hk_process_pool_options options; /* owns what it points to */
	struct hk_group group; /* of the workers' tasks; open from the first call on */
	struct worker *first;  /* all */
	struct worker *idle;   /* a stack */
	struct hk_waitlist_ line;
	struct hk_process_pool_stats
		stats; /* its counters; workers, busy and waiting are up to date as well */
};

/* What a call in the line waits for. Lies on its stack. */
struct wanted {
	struct worker *worker; /* its own now, or */
	char *why;             /* where to say why there is none */
};

/* ---- new ----------------------------------------------------------------------------------- */

static size_t texts_n(const char *const *texts)
{
	size_t n = 0;

	while (texts[n])
		n++;
	return n;
}

/* A copy that ends with `last` (may be NULL) instead of any text of the same name. */
static const char *const *copy_texts(const char *const *texts, const char *last)
{
	size_t n = texts_n(texts), kept = 0;
	size_t name_n = last ? (size_t)(strchr(last, '=') + 1 - last) : 0;
	const char **copy = xcalloc(n + 2, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		if (!last || strncmp(texts[i], last, name_n) != 0)
			copy[kept++] = xstrndup(texts[i], strlen(texts[i]));
	if (last)
		copy[kept] = xstrndup(last, strlen(last));
	return copy;
}

static const int *copy_numbers(const int *numbers, size_t n)
{
	int *copy = xcalloc(n + 1, sizeof(*copy));

	if (n > 0)
		memcpy(copy, numbers, n * sizeof(*copy));
	return copy;
}

static void free_texts(const char *const *texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free((void *)(uintptr_t)texts[i]);
	free((void *)(uintptr_t)texts);
}

int hk_process_pool_new(const struct hk_process_pool_options *options, struct hk_process_pool **ret)
{
	struct hk_process_pool *p;
	struct hk_process_pool_options *o;
	const char *const *env = options->process.env;

	*ret = NULL;
	if (!options->argv || !options->argv[0])
		return -EINVAL;
	p = xcalloc(1, sizeof(*p));
	o = &p->options;
	*o = *options;
	o->workers = o->workers ? o->workers : pool_cores();
	o->argv = copy_texts(options->argv, NULL);
	o->process.env = copy_texts(env ? env : (const char *const *)environ,
				    o->lines ? NULL : "HOCKET_WORKER=3,4");
	o->process.keep = copy_numbers(o->process.keep, o->process.keep_n);
	if (o->process.folder)
		o->process.folder = xstrndup(o->process.folder, strlen(o->process.folder));
	*ret = p;
	return 0;
}

/* ---- the set of workers -------------------------------------------------------------------- */

static unsigned count(const struct hk_process_pool *p, enum worker_state state)
{
	unsigned n = 0;

	for (const struct worker *w = p->first; w; w = w->next)
		n += w->state == state;
	return n;
}

static int start_one(struct hk_process_pool *p)
{
	struct worker *w = worker_new(p, &p->options);
	int r = hk_spawn(&p->group, worker_live, w);

	if (r < 0) {
		free(w);
		return r;
	}
	w->next = p->first;
	if (w->next)
		w->next->prev = w;
	p->first = w;
	p->stats.workers++;
	return 0;
}

/* One for each waiting call that none is on its way in for, as far as the width goes. */
static int start_missing(struct hk_process_pool *p)
{
	unsigned starting = count(p, WORKER_STARTING);
	int r = 0;

	for (; r == 0 && starting < p->stats.waiting && p->stats.workers < p->options.workers;
	     starting++)
		r = start_one(p);
	return r;
}

static void remove_idle(struct hk_process_pool *p, const struct worker *w)
{
	struct worker **at = &p->idle;

	while (*at != w)
		at = &(*at)->idle_next;
	*at = w->idle_next;
}

/* ---- the line ------------------------------------------------------------------------------ */

static bool leave_line(struct park *park)
{
	struct hk_waiter_ *w = container_of(park, struct hk_waiter_, park);
	struct hk_process_pool *p = container_of(w->list, struct hk_process_pool, line);

	ASSERT(p->stats.waiting > 0);
	waitlist_remove(w);
	p->stats.waiting--;
	return true;
}

static int wait_in_line(struct hk_process_pool *p, struct wanted *wanted) SUSPENDS
{
	struct hk_waiter_ w = { .park = { .why = "a worker process", .cancel = leave_line },
				.item = wanted };
	int r;

	ASSERT(!p->idle && !p->line.first_ == (p->stats.waiting == 0));
	p->stats.waiting++;
	r = start_missing(p);
	if (r == 0 || p->stats.workers > 0)
		return waitlist_wait_as(&p->line, fiber_self(), &w);
	p->stats.waiting--;
	(void)snprintf(wanted->why, WHY_BYTES, "no memory for the task of a worker");
	return -ENOEXEC;
}

static struct wanted *take_first(struct hk_process_pool *p, int result)
{
	struct hk_waiter_ *w = waitlist_take(&p->line);

	if (!w)
		return NULL;
	p->stats.waiting--;
	fiber_wake(w->park.fiber, result);
	return w->item;
}

static void fail_line(struct hk_process_pool *p, const char *why)
{
	struct wanted *wanted;

	while ((wanted = take_first(p, -ENOEXEC)))
		(void)snprintf(wanted->why, WHY_BYTES, "%s", why);
	ASSERT(p->stats.waiting == 0);
}

/* ---- what workers tell --------------------------------------------------------------------- */

/* It can take a call: the first in line has it, before that call's task runs; else it is idle. */
static void offer(struct hk_process_pool *p, struct worker *w)
{
	struct wanted *wanted = take_first(p, 0);

	if (wanted) {
		w->state = WORKER_BUSY;
		wanted->worker = w;
		return;
	}
	w->state = WORKER_IDLE;
	w->idle_next = p->idle;
	p->idle = w;
}

void pool_worker_ready(struct hk_process_pool *p, struct worker *w)
{
	ASSERT(w->state == WORKER_STARTING);
	p->stats.started++;
	offer(p, w);
}

void pool_worker_leaves(struct hk_process_pool *p, struct worker *w)
{
	w->leaves = true;
	if (w->state == WORKER_IDLE) {
		remove_idle(p, w);
		p->stats.crashed += !w->retired;
	}
	if (w->state != WORKER_BUSY)
		w->state = WORKER_LEAVING;
}

void pool_worker_gone(struct hk_process_pool *p, struct worker *w)
{
	ASSERT(w->state != WORKER_BUSY && w->state != WORKER_IDLE && p->stats.workers > 0);
	p->stats.workers--;
	if (w->next)
		w->next->prev = w->prev;
	if (w->prev)
		w->prev->next = w->next;
	else
		p->first = w->next;
	if (!w->why[0])
		(void)start_missing(p);
	else if (!count(p, WORKER_STARTING) && !count(p, WORKER_BUSY))
		fail_line(p, w->why);
	free(w);
}

/* ---- a call -------------------------------------------------------------------------------- */

/* The idle worker that worked last. What has died or speaks unasked is found out here, before a call is risked on it. */
static struct worker *take_idle(struct hk_process_pool *p)
{
	struct worker *w;

	while ((w = p->idle)) {
		bool fit = worker_fit(w);
		p->idle = w->idle_next;
		w->state = fit ? WORKER_BUSY : WORKER_LEAVING;
		if (fit)
			return w;
		p->stats.crashed++;
		worker_kill(w);
	}
	return NULL;
}

static int take_worker(struct hk_process_pool *p, struct wanted *wanted) SUSPENDS
{
	if (!p->group.scope_.open_)
		group_open_aside(&p->group, "process pool");
	wanted->worker = take_idle(p);
	return wanted->worker ? 0 : wait_in_line(p, wanted);
}

static void give_worker(struct hk_process_pool *p, struct worker *w, int result)
{
	bool usable = result == 0 || result == -EREMOTEIO;

	ASSERT(w->state == WORKER_BUSY);
	p->stats.timed_out += result == -ETIMEDOUT;
	p->stats.crashed += !usable && result != -ETIMEDOUT && result != -ECANCELED;
	if (usable && !w->leaves && !worker_is_worn(w)) {
		offer(p, w);
		return;
	}
	w->state = WORKER_LEAVING;
	hk_event_set(&w->freed);
	if (usable && !w->leaves) {
		p->stats.recycled++;
		worker_retire(w);
	}
}

static int call_once(struct hk_process_pool *p, const struct hk_part *parts, size_t n,
		     struct hk_answer *ret) SUSPENDS
{
	struct wanted wanted = { .why = ret->why };
	int r = hk_checkpoint();

	if (r == 0)
		r = take_worker(p, &wanted);
	if (r < 0)
		return r;
	if (p->options.lines && wanted.worker->calls_n > 0 && worker_babbles(wanted.worker)) {
		worker_kill(wanted.worker); /* a line too many: what came next would not be ours */
		give_worker(p, wanted.worker, -EBADMSG);
		return -EAGAIN;
	}
	if (hk_checkpoint() < 0) { /* the worker has not heard of the call and stays as it was */
		give_worker(p, wanted.worker, 0);
		return -ECANCELED;
	}
	r = worker_call(wanted.worker, parts, n, ret);
	give_worker(p, wanted.worker, r);
	return r;
}

int hk_process_pool_call(struct hk_process_pool *p, const struct hk_part *parts, size_t n,
			 struct hk_answer *ret)
{
	int r;

	*ret = (struct hk_answer){ 0 };
	ASSERT(!p->options.lines || n == 1);
	if (n > FRAME_PARTS_MAX) {
		(void)snprintf(ret->why, sizeof(ret->why), "call has more than %d parts",
			       FRAME_PARTS_MAX);
		return -E2BIG;
	}
	p->stats.calls++;
	do
		r = call_once(p, parts, n, ret);
	while (r == -EAGAIN);
	if (r == -ECANCELED)
		(void)snprintf(ret->why, sizeof(ret->why), "call was cancelled");
	return r;
}

void hk_answer_done(struct hk_answer *a)
{
	free(a->storage_);
	*a = (struct hk_answer){ 0 };
}

/* ---- the end ------------------------------------------------------------------------------- */

static void stop_workers(struct hk_process_pool *p) SUSPENDS
{
	for (struct worker *w = p->first; w; w = w->next)
		if (w->state != WORKER_LEAVING)
			worker_retire(w);
	group_close_aside(&p->group);
	ASSERT(!p->first && !p->idle);
}

void hk_process_pool_free(struct hk_process_pool *p)
{
	if (!p)
		return;
	if (p->stats.waiting > 0 || count(p, WORKER_BUSY) > 0)
		misuse("hk_process_pool_free() while a call is on the way: close the group of the "
		       "tasks that call first");
	if (p->group.scope_.open_)
		stop_workers(p);
	free_texts(p->options.argv);
	free_texts(p->options.process.env);
	free((void *)(uintptr_t)p->options.process.folder);
	free((void *)(uintptr_t)p->options.process.keep);
	free(p);
}

void hk_process_pool_stats_get(const struct hk_process_pool *p, struct hk_process_pool_stats *ret)
{
	*ret = p->stats;
	ret->busy = count(p, WORKER_BUSY);
}
