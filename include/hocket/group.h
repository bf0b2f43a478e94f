/* hocket/group.h - task groups and gather: no task outlives its block (asyncio.TaskGroup, trio.Nursery)
 *
 * What this room is for: concurrency with an end. A group owns the tasks spawned into it; closing it waits for
 *   all of them, so that when the block is left nothing runs any more and every failure has been looked at.
 * Life cycle:
 *   struct hk_group g;
 *   hk_group_open(&g, NULL);
 *   for (...) hk_spawn(&g, fetch, &jobs[i]);
 *   int r = hk_group_close(&g, 0);          waits; the first real failure, or 0
 * What must hold: (1) close() always waits for all tasks. (2) HK_FAIL_FAST (default): the first failure cancels the
 *   others; HK_COLLECT: all run to their end. (3) close() returns the real cause, never a stray -ECANCELED that
 *   the group itself sent; it returns -ECANCELED only when cancelled from outside. (4) tasks may spawn into their
 *   own group while it closes; after cancellation new tasks start already cancelled; a group that is closed refuses with
 *   -ESHUTDOWN. (5) the block itself is inside the
 *   group, too: a task's failure makes the block's next suspending call return -ECANCELED. Groups and scopes of one
 *   task close in the reverse order of opening; the structs stay where they are until then. (6) no failure is forgotten: a
 *   task's failure is read when close() returns it, when its spawner gave a place for its result, or when the group has room
 *   for failures. Any other is reported once, with the task's name and where it was spawned (hk_run_options.report).
 *   A task that returns while a group or scope of it is open aborts with a sentence that names both. */
#ifndef HOCKET_GROUP_H
#define HOCKET_GROUP_H
#include <hocket/scope.h>

HK_BEGIN
struct hk_task; /* a fiber with a name and a result; belongs to its group */

struct hk_failure {
	const char *task, *where; /* its name, where it was spawned */
	int code;                 /* < 0 */
};

enum hk_policy { HK_FAIL_FAST, HK_COLLECT };

struct hk_group {
	struct hk_scope scope_;
	struct hk_fiber_ *waiter_;
	size_t running_, failed_, obeyed_; /* obeyed_: ended because the group was cancelled */
	struct hk_failure first_; /* what close() will return, unless the block itself failed */
	struct hk_failure *failures_;
	size_t failures_max_, unread_;
	enum hk_policy policy_;
	bool closing_, first_read_;
	const char *name_;
	struct hk_fiber_ *opener_;
};
struct hk_group_options {
	enum hk_policy policy;
	const char *name; /* borrows, for dumps and reports */
	/* Room for the first failures_max failures, in the order in which they happened (ExceptionGroup), only that the cause stands
	 * before tasks that were cancelled alone (a scope of their own: -ECANCELED);
	 * hk_group_failed() tells how many there were. Borrows until close. Further ones are reported: the first five of
	 * a group, then the 10th, the 100th, ... */
	struct hk_failure *failures;
	size_t failures_max;
};
struct hk_spawn_options {
	const char *name;  /* borrows; NULL: "task" */
	const char *where; /* borrows; HK_HERE of who spawns, for reports and dumps */
	int *result;       /* where the task's result goes; lives until the group is closed */
};

void hk_group_open(struct hk_group *, const struct hk_group_options *); /* options may be NULL */
/* Starts fn(arg) as a task; it first runs when the caller suspends: what arg points to must live until the group is closed. 0, -ENOMEM, -ESHUTDOWN: the group is closed. */
HK_MUST int hk_group_spawn(struct hk_group *, hk_fn *fn, void *arg,
			   const struct hk_spawn_options *);
#define hk_spawn(group, fn, arg) hk_group_spawn_at_((group), (fn), (arg), #fn, HK_HERE)
HK_MUST int hk_group_spawn_at_(struct hk_group *, hk_fn *fn, void *arg, const char *name,
			       const char *where);
/* Ends the block. result < 0 (the block's own failure) cancels the tasks first. Waits for all - also while the
 * caller is cancelled: the tasks are cancelled too then. Returns result if it is < 0 (and not merely the
 * group's own cancellation), else the first task's failure, else result, also a positive one, as hk_scope_close does. HK_COLLECT: the number of failed tasks is
 * hk_group_failed(). */
HK_MUST int hk_group_close(struct hk_group *, int result) HK_SUSPENDS;
void hk_group_cancel(struct hk_group *);
size_t hk_group_running(const struct hk_group *);
size_t hk_group_failed(const struct hk_group *);

/* gather + Semaphore + return_exceptions in one call: fn(&items[i]) for each of n items of `stride` bytes, at most
 * `limit` at a time, started in order. Without results: the first failure cancels the rest and is returned. With
 * results (n ints, one per item): all run; returns how many failed; < 0 only when cancelled from outside. */
struct hk_gather_options {
	unsigned limit; /* 0: all at once */
	int *results;   /* NULL: fail fast */
	const char *name, *where;
};
HK_MUST int hk_gather(hk_fn *fn, void *items, size_t n, size_t stride,
		      const struct hk_gather_options *) HK_SUSPENDS;

struct hk_task *hk_task_self(void); /* NULL outside a task */
const char *hk_task_name(const struct hk_task *);
void hk_task_set_name(const char *borrows); /* the calling task's */

HK_END
#endif
