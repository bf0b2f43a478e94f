/* scope_model.c - nested scopes, shields and deadlines beside a model, step by step, over many seeds
 *
 * What this room is for: every mixture of deadlines, shields, cancellations and moved deadlines, up to a dozen deep.
 * What flows through:    steps of one task: open, close with some result, sleep, cancel or move the deadline of any open scope. The
 *   model is an array of levels; what it says of a wait is worked out from the definitions in scope.h, not from a tree.
 * What must hold after each step: the result, the time at which the wait ended, the time left, and who is cancelled. */
#include "in_loop.h"

enum { DEPTH = 12, STEPS = 300 };

struct level {
	int64_t deadline_ns;
	bool shield, cancelled, expired;
};

struct stack {
	struct hk_scope scopes[DEPTH];
	struct level levels[DEPTH];
	int n, step;
};

static int64_t dice(int64_t n)
{
	return (int64_t)(hk_random() % (uint64_t)n);
}

/* Some are over at once, some never come; two never fall on the same instant. */
static int64_t some_timeout(void)
{
	int64_t kind = dice(10);

	if (kind == 0)
		return -dice(2);
	return kind < 3 ? HK_FOREVER : 1 + dice(20 * HK_MS);
}

/* ---- the model ----------------------------------------------------------------------------- */

/* Is code at this level cancelled: by it, or by one around it with no shield between? */
static bool cancelled_at(const struct stack *s, int at)
{
	for (; at >= 0; at--) {
		if (s->levels[at].cancelled)
			return true;
		if (s->levels[at].shield)
			return false;
	}
	return false;
}

/* The nearest deadline that code at the top can feel. */
static int64_t nearest_ns(const struct stack *s)
{
	int64_t nearest = HK_FOREVER;

	for (int at = s->n - 1; at >= 0; at--) {
		if (s->levels[at].deadline_ns < nearest)
			nearest = s->levels[at].deadline_ns;
		if (s->levels[at].shield)
			break;
	}
	return nearest;
}

static void expire(struct level *l)
{
	l->cancelled = l->expired = true;
}

static void move_deadline(struct level *l, int64_t timeout_ns)
{
	if (l->cancelled)
		return;
	if (timeout_ns <= 0)
		expire(l);
	else
		l->deadline_ns = timeout_ns == HK_FOREVER ? HK_FOREVER : hk_now_ns() + timeout_ns;
}

static void time_came(struct stack *s)
{
	for (int i = 0; i < s->n; i++)
		if (!s->levels[i].cancelled && s->levels[i].deadline_ns <= hk_now_ns())
			expire(&s->levels[i]);
}

/* ---- the steps ----------------------------------------------------------------------------- */

static void open_one(struct stack *s)
{
	int64_t timeout_ns = some_timeout();
	struct level *l = &s->levels[s->n];

	if (s->n == DEPTH)
		return;
	*l = (struct level){ .deadline_ns = HK_FOREVER, .shield = dice(4) == 0 };
	if (l->shield)
		hk_scope_open_shield(&s->scopes[s->n], timeout_ns);
	else
		hk_scope_open(&s->scopes[s->n], timeout_ns);
	move_deadline(l, timeout_ns);
	s->n++;
}

static void close_one(struct stack *s)
{
	static const int results[] = { 0, 5, -EIO, -ECANCELED, -ECANCELED, -ECANCELED };
	int result = results[dice(6)], want = result;

	if (s->n == 0)
		return;
	s->n--;
	if (result == -ECANCELED && s->levels[s->n].expired && !cancelled_at(s, s->n - 1))
		want = -ETIMEDOUT;
	CHECK_INT(hk_scope_close(&s->scopes[s->n], result), want);
}

static void sleep_some(struct stack *s)
{
	int64_t ns = 1 + dice(10 * HK_MS), wake = hk_now_ns() + ns, nearest = nearest_ns(s);
	bool known = cancelled_at(s, s->n - 1);
	int r = hk_sleep(ns);

	CHECK_INT(r, known || nearest <= wake ? -ECANCELED : 0);
	if (!known)
		CHECK_INT(hk_now_ns(), nearest < wake ? nearest : wake);
	time_came(s);
}

static void touch_one(struct stack *s)
{
	int64_t at = s->n > 0 ? dice(s->n) : 0, timeout_ns = some_timeout();

	if (s->n == 0)
		return;
	if (dice(3) == 0) {
		hk_scope_cancel(&s->scopes[at]);
		s->levels[at].cancelled = true;
	} else {
		hk_scope_extend(&s->scopes[at], timeout_ns);
		move_deadline(&s->levels[at], timeout_ns);
	}
}

static void compare(const struct stack *s)
{
	int64_t nearest = nearest_ns(s),
		left = nearest == HK_FOREVER ? HK_FOREVER : nearest - hk_now_ns();
	bool known = cancelled_at(s, s->n - 1);
	int before = test_failures_;

	CHECK_INT(hk_checkpoint(), known ? -ECANCELED : 0);
	CHECK_INT(hk_yield(), known ? -ECANCELED : 0);
	CHECK_INT(hk_time_left_ns(), known ? 0 : left);
	for (int i = 0; i < s->n; i++)
		CHECK_INT(hk_scope_cancelled(&s->scopes[i]), s->levels[i].cancelled);
	if (test_failures_ > before)
		printf("# at step %d of seed %" PRIu64 "\n", s->step, hk_sim_seed());
}

static int go(void *arg)
{
	struct stack s = { .n = 0 };

	for (; s.step < STEPS && !test_failures_; s.step++) {
		int64_t what = dice(10);
		if (what < 3)
			open_one(&s);
		else if (what < 5)
			close_one(&s);
		else if (what < 8)
			sleep_some(&s);
		else
			touch_one(&s);
		compare(&s);
	}
	while (s.n > 0)
		close_one(&s);
	CHECK_INT(hk_checkpoint(), 0);
	return 0;
}

/* Three at once: they do not touch each other. */
TEST_IN_SIM(scopes_are_as_the_model_says, 200)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_INT(hk_spawn(&g, go, NULL), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static const struct test tests[] = {
	T(scopes_are_as_the_model_says),
};

int main(void)
{
	return RUN_TESTS(tests);
}
