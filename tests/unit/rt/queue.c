/* queue.c - items and waiters in order, nothing lost, nothing twice */
#include "in_loop.h"
#include "base/rand.h"

static struct trace trace;

struct user {
	struct hk_queue *q;
	struct hk_scope scope;
	int item, result;
};

static int put_one(void *arg)
{
	struct user *u = arg;

	hk_scope_open(&u->scope, HK_FOREVER);
	u->result = hk_queue_put(u->q, &u->item);
	(void)hk_scope_close(&u->scope, 0);
	return 0;
}

static int get_one(void *arg)
{
	struct user *u = arg;

	hk_scope_open(&u->scope, HK_FOREVER);
	u->result = hk_queue_get(u->q, &u->item);
	(void)hk_scope_close(&u->scope, 0);
	return 0;
}

/* Tasks 0 .. n-1 putting 1 .. n, or getting; started one after the other, and waiting if they must. */
static void start(struct hk_group *g, hk_fn *fn, struct user *u, size_t n, struct hk_queue *q)
{
	for (size_t i = 0; i < n; i++) {
		u[i] = (struct user){ .q = q, .item = (int)i + 1, .result = 1 };
		CHECK_INT(hk_spawn(g, fn, &u[i]), 0);
		CHECK_INT(hk_wait_all_parked(), 0);
	}
}

static int get(struct hk_queue *q)
{
	int item = 0, r = hk_queue_get(q, &item);
	return r < 0 ? r : item;
}

/* asyncio: test_queues.py, QueueBasicTests.test_order; trio: test_channel.py, test_channel_fifo */
TEST_IN_SIM(items_come_in_order, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 100);

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 37; i++)
			CHECK_INT(hk_queue_put(q, &i), 0);
		CHECK_INT(hk_queue_len(q), 37);
		for (int i = 0; i < 37; i++)
			CHECK_INT(get(q), i);
	}
	CHECK_INT(hk_queue_capacity(q), 100);
	hk_queue_free(q);
}

/* The ring grows while its head is somewhere in the middle. */
TEST_IN_SIM(growing_keeps_the_order, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1000);
	int in = 0, out = 0;

	for (int i = 0; i < 11; i++, in++)
		CHECK_INT(hk_queue_put(q, &in), 0);
	for (int i = 0; i < 7; i++, out++)
		CHECK_INT(get(q), out);
	while (hk_queue_try_put(q, &in) == 0)
		in++;
	CHECK_INT(in - out, 1000);
	for (; out < in; out++)
		CHECK_INT(get(q), out);
	CHECK_INT(hk_queue_try_get(q, &out), -EAGAIN);
	hk_queue_free(q);
}

/* asyncio: test_nonblocking_put_exception, test_nonblocking_get_exception */
TEST_IN_SIM(try_calls_never_wait, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	int one = 1, got = 0;

	CHECK_INT(hk_queue_try_get(q, &got), -EAGAIN);
	CHECK_INT(hk_queue_try_put(q, &one), 0);
	CHECK_INT(hk_queue_try_put(q, &one), -EAGAIN);
	CHECK_INT(hk_queue_try_get(q, &got), 0);
	CHECK_INT(got, 1);
	hk_queue_free(q);
}

/* asyncio: test_get_with_waiting_putters */
TEST_IN_SIM(waiting_senders_come_after_what_is_queued, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 2);
	struct user u[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	start(&g, put_one, u, 5, q);
	CHECK_INT(hk_queue_len(q), 2);
	CHECK_INT(u[1].result, 0);
	CHECK_INT(u[2].result, 1);
	for (int i = 1; i <= 5; i++)
		CHECK_INT(get(q), i);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_queue_free(q);
}

TEST_IN_SIM(waiting_receivers_are_served_in_order, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 2);
	struct user u[3];
	struct hk_group g;

	hk_group_open(&g, NULL);
	start(&g, get_one, u, 3, q);
	for (int i = 10; i < 13; i++)
		CHECK_INT(hk_queue_put(q, &i), 0);
	CHECK_INT(hk_queue_len(q), 0); /* handed over directly */
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(u[i].item, 10 + i);
	hk_queue_free(q);
}

/* asyncio: test_get_cancelled_race */
TEST_IN_SIM(a_cancelled_getter_took_nothing, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 2);
	struct user u[2];
	struct hk_group g;
	int item = 7;

	hk_group_open(&g, NULL);
	start(&g, get_one, u, 2, q);
	hk_scope_cancel(&u[0].scope);
	CHECK_INT(hk_queue_put(q, &item), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(u[0].result, -ECANCELED);
	CHECK_INT(u[0].item, 1);
	CHECK_INT(u[1].item, 7);
	hk_queue_free(q);
}

/* trio: test_channel.py, test_553 and the receive that races with cancellation: an item handed over is kept */
TEST_IN_SIM(a_getter_cancelled_after_the_hand_off_has_the_item, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 2);
	struct user u[1];
	struct hk_group g;
	int item = 7;

	hk_group_open(&g, NULL);
	start(&g, get_one, u, 1, q);
	CHECK_INT(hk_queue_put(q, &item), 0);
	hk_scope_cancel(&u[0].scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(u[0].result, 0);
	CHECK_INT(u[0].item, 7);
	hk_queue_free(q);
}

/* asyncio: test_put_cancelled_race */
TEST_IN_SIM(a_cancelled_putter_put_nothing, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 1);
	struct user u[4];
	struct hk_group g;

	hk_group_open(&g, NULL);
	start(&g, put_one, u, 4, q);
	hk_scope_cancel(&u[2].scope); /* waits with 3: is not queued */
	CHECK_INT(get(q), 1);
	hk_scope_cancel(&u[1].scope); /* its 2 is in the queue since that get */
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(u[1].result, 0);
	CHECK_INT(u[2].result, -ECANCELED);
	CHECK_INT(get(q), 2);
	CHECK_INT(get(q), 4);
	CHECK_INT(hk_queue_len(q), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_queue_free(q);
}

/* asyncio: QueueShutdownTests; trio: test_close_basics */
TEST_IN_SIM(after_close_gets_drain_and_puts_fail, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 2);
	struct user u[4];
	struct hk_group g;
	int item = 9;

	hk_group_open(&g, NULL);
	start(&g, put_one, u, 4, q);
	hk_queue_close(q);
	hk_queue_close(q); /* idempotent */
	CHECK(hk_queue_closed(q));
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(u[2].result, -EPIPE); /* those waiting, too */
	CHECK_INT(u[3].result, -EPIPE);
	CHECK_INT(hk_queue_put(q, &item), -EPIPE);
	CHECK_INT(hk_queue_try_put(q, &item), -EPIPE);
	CHECK_INT(get(q), 1);
	CHECK_INT(get(q), 2);
	CHECK_INT(get(q), -EPIPE);
	CHECK_INT(hk_queue_try_get(q, &item), -EPIPE);
	hk_queue_free(q);
}

TEST_IN_SIM(close_wakes_waiting_receivers, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 2);
	struct user u[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	start(&g, get_one, u, 2, q);
	hk_queue_close(q);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(u[0].result, -EPIPE);
	CHECK_INT(u[1].result, -EPIPE);
	hk_queue_free(q);
}

static void drop(void *item, void *arg)
{
	CHECK(arg == &trace);
	trace_add(&trace, "%d", *(int *)item);
}

/* asyncio: QueueShutdownTests, shutdown(immediate=True) */
TEST_IN_SIM(abort_hands_back_what_is_queued, 50)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), 3);
	struct user u[5];
	struct hk_group g;

	trace = (struct trace){ 0 };
	hk_group_open(&g, NULL);
	start(&g, put_one, u, 5, q);
	CHECK_INT(get(q), 1);
	hk_queue_abort(q, drop, &trace);
	CHECK_STR(trace.text, "2 3 4"); /* 4 had moved in; 5 stays with its sender */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(u[3].result, 0);
	CHECK_INT(u[4].result, -EPIPE);
	CHECK_INT(get(q), -EPIPE);
	hk_queue_free(q);
}

/* ---- many tasks, many seeds ------------------------------------------------------------------ */

enum { SENDERS = 8, RECEIVERS = 5, EACH = 60 };
struct market {
	struct hk_queue *q;
	struct rand rand;
	int senders, put, got;
	bool seen[SENDERS * EACH];
};

static int put_with_deadlines(void *arg)
{
	struct market *m = arg;

	for (int i = 0; i < EACH; i++) {
		int item = m->put, r;
		struct hk_scope s;
		hk_scope_open(&s, 1 + (int64_t)rand_below(&m->rand, 6));
		m->put++; /* taken now: nobody else may use the number */
		r = hk_queue_put(m->q, &item);
		(void)hk_scope_close(&s, r);
		if (r < 0)
			m->seen[item] = true, m->got++; /* not sent: must never come out */
		CHECK_INT(hk_sleep((int64_t)rand_below(&m->rand, 3)), 0);
	}
	if (--m->senders == 0)
		hk_queue_close(m->q);
	return 0;
}

static int get_with_deadlines(void *arg)
{
	struct market *m = arg;
	int r = 0;

	while (r != -EPIPE) {
		struct hk_scope s;
		int item = -1;
		hk_scope_open(&s, 1 + (int64_t)rand_below(&m->rand, 4));
		r = hk_queue_get(m->q, &item);
		(void)hk_scope_close(&s, r);
		if (r == 0) {
			CHECK(!m->seen[item]);
			m->seen[item] = true, m->got++;
		}
		CHECK_INT(hk_sleep((int64_t)rand_below(&m->rand, 5)), 0);
	}
	return 0;
}

TEST_IN_SIM(nothing_is_lost_or_doubled_over_many_seeds, 2)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct market m = { .q = hk_queue_new(sizeof(int), 1 + seed % 4),
				    .senders = SENDERS };
		struct hk_group g;
		rand_seed(&m.rand, seed);
		hk_group_open(&g, NULL);
		for (int i = 0; i < SENDERS; i++)
			CHECK_INT(hk_spawn(&g, put_with_deadlines, &m), 0);
		for (int i = 0; i < RECEIVERS; i++)
			CHECK_INT(hk_spawn(&g, get_with_deadlines, &m), 0);
		CHECK_INT(hk_group_close(&g, 0), 0);
		CHECK_INT(m.put, SENDERS * EACH);
		CHECK_INT(m.got, SENDERS * EACH);
		hk_queue_free(m.q);
	}
}

/* Items larger than a pointer, and of odd size. */
TEST_IN_SIM(items_of_any_size, 50)
{
	char in[37], out[37];
	struct hk_queue *q = hk_queue_new(sizeof(in), 20);

	for (int i = 0; i < 20; i++) {
		memset(in, 'a' + i, sizeof(in));
		CHECK_INT(hk_queue_put(q, in), 0);
	}
	for (int i = 0; i < 20; i++) {
		memset(in, 'a' + i, sizeof(in));
		CHECK_INT(hk_queue_get(q, out), 0);
		CHECK_INT(memcmp(in, out, sizeof(in)), 0);
	}
	hk_queue_freep(&q);
	hk_queue_free(NULL);
}

static const struct test tests[] = {
	T(items_come_in_order),
	T(growing_keeps_the_order),
	T(try_calls_never_wait),
	T(waiting_senders_come_after_what_is_queued),
	T(waiting_receivers_are_served_in_order),
	T(a_cancelled_getter_took_nothing),
	T(a_getter_cancelled_after_the_hand_off_has_the_item),
	T(a_cancelled_putter_put_nothing),
	T(after_close_gets_drain_and_puts_fail),
	T(close_wakes_waiting_receivers),
	T(abort_hands_back_what_is_queued),
	T(nothing_is_lost_or_doubled_over_many_seeds),
	T(items_of_any_size),
};

int main(void)
{
	return RUN_TESTS(tests);
}
