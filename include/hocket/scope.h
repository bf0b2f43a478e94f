/* hocket/scope.h - cancel scopes and deadlines (Trio's CancelScope, asyncio.timeout)
 *
 * What this room is for: everything that ends early. A scope covers a stretch of one task's code and all tasks
 *   spawned beneath it. While a scope is cancelled - by a call or by its deadline - every suspending call inside
 *   it returns -ECANCELED at once (level-triggered: also the next one, and the one in the cleanup).
 * Life cycle: open, work, close; strictly nested within one task, in the order of a stack.
 *   struct hk_scope s;
 *   hk_scope_open(&s, 5 * HK_SEC);
 *   int r = fetch(...);
 *   r = hk_scope_close(&s, r);              -ETIMEDOUT if it was this deadline that ended it
 * What must hold: (1) the nearest deadline of all open scopes counts. (2) a shield hides outer cancellation
 *   for at most its budget, so cleanup can wait but not for ever. (3) when the work had already succeeded
 *   (result >= 0), close keeps the success, whatever the clock says. */
#ifndef HOCKET_SCOPE_H
#define HOCKET_SCOPE_H
#include <hocket/types.h>

HK_BEGIN
struct hk_fiber_;
struct hk_scope {
	struct hk_scope *parent_, *child_, *next_, *prev_;
	struct hk_fiber_ *fibers_; /* those whose innermost scope this is */
	int64_t deadline_ns_;
	size_t timer_; /* place in the loop's heap, 0: none */
	bool cancelled_, expired_, shield_, open_;
	bool inherited_; /* cancelled from outside, no shield between */
	bool group_;     /* a group's */
};

/* timeout_ns from now; HK_FOREVER: only cancelled by hand. <= 0: cancelled from the start. */
void hk_scope_open(struct hk_scope *, int64_t timeout_ns);
/* Hides all outer cancellation for at most budget_ns: for cleanup that must wait (asyncio.shield, trio shield=True). When
 * the budget is over, what is inside is cancelled, whether anything outside was or not (trio.move_on_after(..., shield=True)). */
void hk_scope_open_shield(struct hk_scope *, int64_t budget_ns);
/* Leaves the scope. Returns result, except: -ECANCELED becomes -ETIMEDOUT when this scope's own deadline was the
 * cause and no outer scope is cancelled. */
int hk_scope_close(struct hk_scope *, int result);
/* Wakes everything that waits inside. From any task of the same loop; idempotent. */
void hk_scope_cancel(struct hk_scope *);
bool hk_scope_cancelled(const struct hk_scope *); /* this one: by hand or by its deadline */
/* Moves the deadline (asyncio.Timeout.reschedule), counted from now. No effect on a scope already cancelled; aborts when it
 * is not open. */
void hk_scope_extend(struct hk_scope *, int64_t timeout_ns);
int64_t hk_time_left_ns(void); /* until the nearest effective deadline of the caller; HK_FOREVER */

HK_END
#endif
