/* trio_channels.c - what Trio's test_channel.py says of memory channels, said of hk_queue
 *
 * On purpose different: (1) a queue has no ends: whoever knows it puts and gets. Its close() is that of the sending side; abort() is
 * that of the receiving side. Both sides then see -EPIPE: ClosedResourceError, BrokenResourceError and EndOfChannel are one.
 * (2) there are no clones: the group that owns the producers closes the queue when they are done. (3) there is no capacity 0. */
#include "actors.h"

/* test_channel */
TEST_IN_SIM(a_channel, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);

	CHECK_INT(try_put(q, 1), 0);
	CHECK_INT(put(q, 2), 0);
	CHECK_INT(try_put(q, 3), -EAGAIN);
	CHECK_INT(get(q), 1);
	CHECK_INT(try_get(q), 2);
	CHECK_INT(try_get(q), -EAGAIN);
	CHECK_INT(try_put(q, 4), 0);
	hk_queue_close(q);
	CHECK_INT(put(q, 5), -EPIPE);
	CHECK_INT(try_put(q, 5), -EPIPE);
	hk_queue_close(q);
	CHECK_INT(try_get(q), 4);
	CHECK_INT(get(q), -EPIPE);
	CHECK_INT(try_get(q), -EPIPE);
}

struct plant {
	struct hk_queue *q;
	int next, served, sum, n;
};

static int producer(void *arg)
{
	struct plant *p = arg;
	int from = 3 * p->next++, r = 0;

	for (int i = from; i < from + 3 && r == 0; i++)
		r = put(p->q, i);
	return r;
}

static int produce_all(void *arg)
{
	struct plant *p = arg;
	struct hk_group g;
	int r;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 10; i++)
		CHECK_INT(hk_spawn(&g, producer, p), 0);
	r = hk_group_close(&g, 0);
	hk_queue_close(p->q);
	return r;
}

/* test_channel_multiple_producers: the last one out closes; every item comes once */
TEST_IN_SIM(many_producers, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct plant p = { .q = q };
	struct hk_group g;
	int got[30] = { 0 }, item;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, produce_all, &p), 0);
	while ((item = get(q)) >= 0)
		got[item]++;
	CHECK_INT(item, -EPIPE);
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 30; i++)
		CHECK_INT(got[i], 1);
}

static int consumer(void *arg)
{
	struct plant *p = arg;
	int item, mine = 0;

	while ((item = get(p->q)) >= 0) {
		p->sum += item;
		p->n++;
		mine++;
	}
	p->served += mine > 0;
	return item == -EPIPE ? 0 : item;
}

/* test_channel_multiple_consumers: nobody who waits is passed over */
TEST_IN_SIM(many_consumers, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct plant p = { .q = q };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 5; i++)
		CHECK_INT(hk_spawn(&g, consumer, &p), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	for (int i = 0; i < 10; i++)
		CHECK_INT(put(q, i), 0);
	hk_queue_close(q);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(p.served, 5);
	CHECK_INT(p.n, 10);
	CHECK_INT(p.sum, 45);
}

/* test_close_basics, test_close_sync: close with a sender waiting, abort with a sender waiting, abort with a receiver waiting */
TEST_IN_SIM(closing_with_somebody_waiting, 100)
{
	for (int how = 0; how < 4; how++) {
		AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
		struct actor a = { .queue = q, .item = 2 };
		struct hk_group g;
		hk_group_open(&g, NULL);
		if (how < 2)
			CHECK_INT(put(q, 1), 0);
		actor_start(&g, &a, how < 2 ? act_put : act_get);
		CHECK_INT(a.result, WAITING);
		if (how % 2)
			hk_queue_abort(q, NULL, NULL);
		else
			hk_queue_close(q);
		CHECK_INT(hk_group_close(&g, 0), 0);
		CHECK_INT(a.result, -EPIPE);
		CHECK_INT(try_put(q, 3), -EPIPE);
		CHECK_INT(put(q, 3), -EPIPE);
		CHECK_INT(try_get(q), how == 0 ? 1 : -EPIPE);
		CHECK_INT(get(q), -EPIPE);
	}
}

/* test_inf_capacity: as much as fits in memory; it grows as it is used */
TEST_IN_SIM(a_very_large_capacity, 20)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(SIZE_MAX / 64);

	for (int i = 0; i < 1000; i++)
		CHECK_INT(try_put(q, i), 0);
	CHECK_INT(hk_queue_len(q), 1000);
	hk_queue_close(q);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(get(q), i);
	CHECK_INT(get(q), -EPIPE);
}

/* test_channel_fairness: what was put for one who waits is his, though he has not run; room made for one who waits is his */
TEST_IN_SIM(no_newcomer_overtakes, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor getter = { .queue = q }, putter = { .queue = q, .item = 5 };
	struct hk_group g;

	CHECK_INT(try_put(q, 1), 0);
	CHECK_INT(try_get(q), 1);
	hk_group_open(&g, NULL);
	actor_start(&g, &getter, act_get);
	CHECK_INT(try_put(q, 2), 0);
	CHECK_INT(try_get(q), -EAGAIN);
	settle();
	CHECK_INT(getter.item, 2);
	CHECK_INT(try_put(q, 4), 0);
	actor_start(&g, &putter, act_put);
	CHECK_INT(try_get(q), 4);
	CHECK_INT(try_put(q, 6), -EAGAIN);
	CHECK_INT(get(q), 5);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* test_statistics: cancelled waiters on either side leave nothing behind */
TEST_IN_SIM(cancelled_waiters_leave_nothing_behind, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[4];
	struct hk_group g;

	for (int side = 0; side < 2; side++) {
		if (side == 0)
			CHECK_INT(put(q, 1), 0);
		hk_group_open(&g, NULL);
		for (int i = 0; i < 4; i++) {
			a[i] = (struct actor){ .queue = q, .item = 10 + i };
			actor_spawn(&g, &a[i], side == 0 ? act_put : act_get);
		}
		settle();
		hk_group_cancel(&g);
		CHECK_INT(hk_group_close(&g, 0), 0);
		for (int i = 0; i < 4; i++)
			CHECK_INT(a[i].result, -ECANCELED);
		CHECK_INT(hk_queue_len(q), side == 0 ? 1 : 0);
		CHECK_INT(try_get(q), side == 0 ? 1 : -EAGAIN);
	}
	CHECK_INT(try_put(q, 9), 0);
	CHECK_INT(try_get(q), 9);
}

/* Items of every size arrive whole. */
TEST_IN_SIM(large_items_arrive_whole, 20)
{
	struct large {
		char bytes[1000];
	} in, out;
	AUTO(hk_queue_freep) struct hk_queue *q = hk_queue_new(sizeof(struct large), 3);

	ASSERT(q);
	for (int round = 0; round < 50; round++) {
		memset(&in, round, sizeof(in));
		CHECK_INT(hk_queue_put(q, &in), 0);
		CHECK_INT(hk_queue_get(q, &out), 0);
		CHECK(memcmp(&in, &out, sizeof(in)) == 0);
	}
}

static const struct test tests[] = {
	T(a_channel),
	T(many_producers),
	T(many_consumers),
	T(closing_with_somebody_waiting),
	T(a_very_large_capacity),
	T(no_newcomer_overtakes),
	T(cancelled_waiters_leave_nothing_behind),
	T(large_items_arrive_whole),
};

int main(void)
{
	return RUN_TESTS(tests);
}
