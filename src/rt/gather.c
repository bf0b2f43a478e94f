/* gather.c - a function over an array, at most `limit` at a time
 *
 * What this room is for: the pattern that asyncio spells gather + Semaphore + return_exceptions.
 * What flows through:    indices. min(limit, n) workers each take the next index until none is left, so that a million
 *   items at limit 100 are 100 fibers, not a million.
 * What must hold:
 *  (1) items start in order, and results[i] is item i's whatever the order of ending.
 *  (2) items that never started because of a cancellation have -ECANCELED as their result.
 *  (3) without results every failure ends the rest, -ECANCELED too: an item that was cancelled alone has not been done. */
#include "rt/loop.h"
#include "rt/report.h"
#include "rt/scope.h"
#include "base/banned.h"
#include <hocket/group.h>

struct gather {
	hk_fn *fn;
	char *items;
	size_t n, stride, next, failed;
	int *results;
	struct hk_group group;
	bool cancelled_alone; /* an item ended with -ECANCELED although nobody had cancelled the group */
};

/* To the group -ECANCELED is obedience; of an item that nobody told to stop it is a failure like any other. */
static int fail_fast(struct gather *g, int r)
{
	if (r == -ECANCELED && !scope_is_cancelled(&g->group.scope_)) {
		g->cancelled_alone = true;
		hk_group_cancel(&g->group);
	}
	return r < 0 ? r : 0;
}

static int gather_one(struct gather *g, size_t i)
{
	int r;

	ASSERT(i < g->n);
	r = g->fn(g->items + i * g->stride);

	if (!g->results)
		return fail_fast(g, r);
	g->results[i] = r;
	g->failed += r < 0;
	return r == -ECANCELED ? hk_checkpoint() : 0; /* cancelled from outside: no further ones */
}

static int gather_worker(void *arg)
{
	struct gather *g = arg;
	int r = 0;

	while (r == 0 && g->next < g->n) {
		r = hk_checkpoint();
		if (r == 0)
			r = gather_one(g, g->next++);
	}
	return r;
}

static int spawn_workers(struct gather *g, size_t workers, const struct hk_gather_options *o)
{
	struct hk_spawn_options options = { .name = o->name ? o->name : "gather",
					    .where = o->where };

	for (size_t i = 0; i < workers; i++) {
		int r = hk_group_spawn(&g->group, gather_worker, g, &options);
		if (r < 0)
			return i > 0 ? 0 : r; /* fewer workers still do all the work */
	}
	return 0;
}

int hk_gather(hk_fn *fn, void *items, size_t n, size_t stride,
	      const struct hk_gather_options *options)
{
	struct hk_gather_options o = options ? *options : (struct hk_gather_options){ 0 };
	struct gather g = { fn, items, n, stride, .results = o.results };
	int r = fiber_checkpoint(fiber_self());

	if (n > 0 && (!items || stride == 0 || !fn))
		misuse("hk_gather() of %zu items without %s", n,
		       !fn      ? "a function"
		       : !items ? "an array"
				: "their size (stride)");
	hk_group_open(&g.group, &(struct hk_group_options){ .name = o.name });
	if (r == 0)
		r = spawn_workers(&g, o.limit && o.limit < n ? o.limit : n, &o);
	r = hk_group_close(&g.group, r);
	if (r == 0 && g.cancelled_alone)
		r = -ECANCELED;
	for (size_t i = g.next; o.results && i < n; i++)
		o.results[i] = -ECANCELED;
	return r < 0 || !o.results ? r : (int)g.failed;
}
