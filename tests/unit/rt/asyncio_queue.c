/* asyncio_queue.c - what CPython's test_queues.py says of asyncio.Queue, said of hk_queue
 *
 * On purpose different: (1) a getter that was handed an item, or a putter whose item was taken in, keeps its success when
 * it is cancelled before it runs; asyncio cancels it and leaves the item in the queue. Either way nothing is lost; here
 * nothing is done twice by who tries again. (2) capacity is at least 1: there is no unbounded queue. (3) close() is
 * shutdown(), abort() is shutdown(immediate=True); abort hands the items to the caller. */
#include "actors.h"

/* n actors in line, one after the other, with items 1, 2, 3... */
static void line_up(struct hk_group *g, struct hk_queue *q, struct actor *a, int n,
		    int (*act)(struct actor *))
{
	for (int i = 0; i < n; i++) {
		a[i] = (struct actor){ .queue = q, .item = i + 1 };
		actor_start(g, &a[i], act);
	}
}

/* ---- order and limits ---------------------------------------------------------------------- */

/* test_empty, test_full, test_nonblocking_get_exception, test_nonblocking_put_exception */
TEST_IN_SIM(empty_and_full, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);

	CHECK_INT(try_get(q), -EAGAIN);
	CHECK_INT(try_put(q, 1), 0);
	CHECK_INT(put(q, 2), 0);
	CHECK_INT(hk_queue_len(q), 2);
	CHECK_INT(try_put(q, 3), -EAGAIN);
	CHECK_INT(get(q), 1);
	CHECK_INT(try_get(q), 2);
	CHECK_INT(try_get(q), -EAGAIN);
	CHECK_INT(hk_queue_capacity(q), 2);
}

/* test_order */
TEST_IN_SIM(items_keep_their_order, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(100);
	int items[] = { 1, 3, 2 };

	for (int i = 0; i < 3; i++)
		CHECK_INT(put(q, items[i]), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(get(q), items[i]);
}

static int put_three(struct actor *a)
{
	int r = 0;

	for (int i = 0; i < 3 && r == 0; i++) {
		r = put(a->queue, i);
		a->item += r == 0;
	}
	return r;
}

/* test_maxsize, test_blocking_put_wait */
TEST_IN_SIM(a_putter_stops_at_the_capacity, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);
	struct actor putter = { .queue = q };
	struct hk_group g;

	hk_group_open(&g, NULL);
	actor_start(&g, &putter, put_three);
	CHECK_INT(putter.item, 2);
	CHECK_INT(get(q), 0);
	settle();
	CHECK_INT(putter.item, 3);
	CHECK_INT(putter.result, 0);
	CHECK_INT(get(q), 1);
	CHECK_INT(get(q), 2);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* test_blocking_get_wait, test_put_with_waiting_getters */
TEST_IN_SIM(a_getter_waits_for_an_item, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor getter = { .queue = q };
	struct hk_group g;

	hk_group_open(&g, NULL);
	actor_start(&g, &getter, act_get);
	CHECK_INT(getter.result, WAITING);
	CHECK_INT(put(q, 7), 0);
	CHECK_INT(hk_queue_len(q), 0); /* it went straight to the one who waits */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(getter.result, 0);
	CHECK_INT(getter.item, 7);
}

/* test_get_with_waiting_putters: what waits outside comes after what is in, in the order of the line */
TEST_IN_SIM(waiting_putters_follow_in_order, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 5, act_put);
	for (int i = 0; i < 5; i++)
		CHECK_INT(get(q), i + 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 5; i++)
		CHECK_INT(a[i].result, 0);
}

/* Waiters are served in the order they came (asyncio leaves it undefined for concurrent readers; here it is a promise). */
TEST_IN_SIM(waiting_getters_are_served_in_order, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 5, act_get);
	for (int i = 0; i < 5; i++)
		CHECK_INT(try_put(q, 10 + i), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 5; i++)
		CHECK_INT(a[i].item, 10 + i);
}

static int get_five(struct actor *a)
{
	int r = 0;

	for (int i = 0; i < 5 && r >= 0; i++)
		r = get(a->queue);
	return r;
}

static int put_five(struct actor *a)
{
	int r = 0;

	for (int i = 0; i < 5 && r == 0; i++)
		r = put(a->queue, i);
	return r;
}

/* test_why_are_getters_waiting */
TEST_IN_SIM(nobody_waits_for_what_is_there, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[2] = { { .queue = q }, { .queue = q } };
	struct hk_group g;

	hk_group_open(&g, NULL);
	actor_spawn(&g, &a[0], put_five);
	actor_spawn(&g, &a[1], get_five);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[0].result, 0);
	CHECK_INT(a[1].result, 4);
	CHECK_INT(hk_queue_len(q), 0);
}

/* test_why_are_putters_waiting: room made without a switch is room for all who wait */
TEST_IN_SIM(draining_without_a_switch_lets_all_putters_in, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);
	struct actor a[4];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 4, act_put);
	for (int i = 0; i < 4; i++)
		CHECK_INT(try_get(q), i + 1);
	CHECK_INT(try_get(q), -EAGAIN);
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (int i = 0; i < 4; i++)
		CHECK_INT(a[i].result, 0);
}

struct job {
	struct hk_queue *q;
	int sum, done;
};

static int worker(void *arg)
{
	struct job *job = arg;
	int item;

	while ((item = get(job->q)) > 0) {
		job->sum += item;
		job->done++;
	}
	return item == -EPIPE ? 0 : item;
}

/* test_task_done: two workers, a hundred items; join() is close() and the group's end */
TEST_IN_SIM(workers_finish_what_is_queued, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(3);
	struct job job = { .q = q };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < 2; i++)
		CHECK_INT(hk_spawn(&g, worker, &job), 0);
	for (int i = 1; i <= 100; i++)
		CHECK_INT(put(q, i), 0);
	hk_queue_close(q);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(job.sum, 5050);
	CHECK_INT(job.done, 100);
}

/* ---- cancelled getters --------------------------------------------------------------------- */

/* test_get_cancelled_race */
TEST_IN_SIM(the_next_getter_is_served_when_the_first_is_cancelled, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 2, act_get);
	hk_scope_cancel(&a[0].scope);
	CHECK_INT(try_put(q, 7), 0); /* in the same turn: the cancelled one has not run yet */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[0].result, -ECANCELED);
	CHECK_INT(a[0].item, 1); /* untouched */
	CHECK_INT(a[1].result, 0);
	CHECK_INT(a[1].item, 7);
}

/* test_cancelled_getters_not_being_held_in_self_getters; trio: test_channel.py, test_553 */
TEST_IN_SIM(a_getter_that_timed_out_takes_nothing, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(5);
	struct actor a = { .queue = q, .timeout_ns = 100 * HK_MS };
	struct hk_group g;

	hk_group_open(&g, NULL);
	actor_start(&g, &a, act_get);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a.result, -ETIMEDOUT);
	CHECK_INT(put(q, 1), 0);
	CHECK_INT(hk_queue_len(q), 1);
	CHECK_INT(get(q), 1);
}

/* test_get_cancel_drop_one_pending_reader: it has 1 and says so; 2 is the next one's */
TEST_IN_SIM(a_getter_cancelled_after_it_was_served_keeps_the_item, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);
	struct actor a = { .queue = q };
	struct hk_group g;

	hk_group_open(&g, NULL);
	actor_start(&g, &a, act_get);
	CHECK_INT(try_put(q, 1), 0);
	CHECK_INT(try_put(q, 2), 0);
	hk_scope_cancel(&a.scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a.result, 0);
	CHECK_INT(a.item, 1);
	CHECK_INT(try_get(q), 2);
	CHECK_INT(try_get(q), -EAGAIN);
}

/* test_get_cancel_drop_many_pending_readers */
TEST_IN_SIM(of_many_getters_one_cancelled_loses_nothing, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(3);
	struct actor a[3];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 3, act_get);
	CHECK_INT(try_put(q, 11), 0);
	CHECK_INT(try_put(q, 12), 0);
	hk_scope_cancel(&a[0].scope); /* served already */
	hk_scope_cancel(&a[2].scope); /* not served */
	CHECK_INT(try_put(q, 13), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[0].item, 11);
	CHECK_INT(a[1].item, 12);
	CHECK_INT(a[2].result, -ECANCELED);
	CHECK_INT(try_get(q), 13);
}

TEST_IN_SIM(a_getter_cancelled_in_the_middle_of_the_line, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 5, act_get);
	hk_scope_cancel(&a[2].scope);
	for (int i = 0; i < 4; i++)
		CHECK_INT(try_put(q, 10 + i), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[2].result, -ECANCELED);
	CHECK_INT(a[0].item, 10);
	CHECK_INT(a[1].item, 11);
	CHECK_INT(a[3].item, 12);
	CHECK_INT(a[4].item, 13);
}

static int put_later(struct actor *a)
{
	int r = hk_sleep(10 * HK_MS);
	return r < 0 ? r : act_put(a);
}

/* test_get_cancelled (wait_for(q.get(), t)): deadline and item at the same instant. Who came first is the loop's
 * business; the item is in exactly one place. */
TEST_IN_SIM(deadline_and_item_at_the_same_instant, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor getter = { .queue = q, .timeout_ns = 10 * HK_MS };
	struct actor putter = { .queue = q, .item = 5 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	actor_spawn(&g, &getter, act_get);
	actor_spawn(&g, &putter, put_later);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(putter.result, 0);
	CHECK(getter.result == 0 || getter.result == -ETIMEDOUT);
	CHECK_INT(hk_queue_len(q), getter.result == 0 ? 0 : 1);
	CHECK_INT(getter.result == 0 ? getter.item : try_get(q), 5);
}

/* ---- cancelled putters --------------------------------------------------------------------- */

/* test_put_cancelled_race, test_cancelled_puts_not_being_held_in_self_putters */
TEST_IN_SIM(a_cancelled_putter_was_not_queued, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[3];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 3, act_put);
	CHECK_INT(a[0].result, 0);
	hk_scope_cancel(&a[2].scope);
	settle();
	CHECK_INT(a[2].result, -ECANCELED);
	CHECK_INT(try_get(q), 1);
	CHECK_INT(try_get(q), 2);
	CHECK_INT(try_get(q), -EAGAIN);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* test_put_cancel_drop, test_cancelled_put_silence_value_error_exception: 2 is in, once, and the putter knows */
TEST_IN_SIM(a_putter_cancelled_after_it_was_let_in_reports_success, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 2, act_put);
	CHECK_INT(try_get(q), 1);
	hk_scope_cancel(&a[1].scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[1].result, 0);
	CHECK_INT(hk_queue_len(q), 1);
	CHECK_INT(try_get(q), 2);
}

TEST_IN_SIM(a_putter_cancelled_in_the_middle_of_the_line, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 5, act_put);
	hk_scope_cancel(&a[2].scope);
	CHECK_INT(get(q), 1);
	CHECK_INT(get(q), 2);
	CHECK_INT(get(q), 4);
	CHECK_INT(get(q), 5);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[2].result, -ECANCELED);
}

/* A call in a cancelled scope moves nothing, even if it could (asyncio: the pending cancel() is thrown at the await). */
TEST_IN_SIM(in_a_cancelled_scope_nothing_moves, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);
	struct hk_scope s;

	CHECK_INT(put(q, 1), 0);
	hk_scope_open(&s, 0);
	CHECK_INT(put(q, 2), -ECANCELED);
	CHECK_INT(get(q), -ECANCELED);
	CHECK_INT(hk_queue_len(q), 1);
	CHECK_INT(try_get(q), 1); /* what never waits is never cancelled */
	CHECK_INT(try_put(q, 3), 0);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(get(q), 3);
}

/* ---- close and abort ----------------------------------------------------------------------- */

static void check_closed(struct hk_queue *q)
{
	CHECK(hk_queue_closed(q));
	CHECK_INT(put(q, 9), -EPIPE);
	CHECK_INT(try_put(q, 9), -EPIPE);
	CHECK_INT(get(q), -EPIPE);
	CHECK_INT(try_get(q), -EPIPE);
	CHECK_INT(hk_queue_len(q), 0);
}

/* test_shutdown_empty */
TEST_IN_SIM(closing_an_empty_queue_ends_its_getters, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(2);
	struct actor a[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 2, act_get);
	hk_queue_close(q);
	hk_queue_close(q);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[0].result, -EPIPE);
	CHECK_INT(a[1].result, -EPIPE);
	check_closed(q);
}

/* test_shutdown_nonempty */
TEST_IN_SIM(closing_a_full_queue_ends_its_putters_and_keeps_its_items, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[3];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 3, act_put);
	hk_queue_close(q);
	settle();
	CHECK_INT(a[0].result, 0);
	CHECK_INT(a[1].result, -EPIPE);
	CHECK_INT(a[2].result, -EPIPE);
	CHECK_INT(hk_queue_len(q), 1);
	CHECK_INT(try_put(q, 9), -EPIPE);
	CHECK_INT(get(q), 1);
	check_closed(q);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

static void drop(void *item, void *arg)
{
	trace_add(arg, "%d", *(int *)item);
}

/* test_shutdown_immediate: what was queued goes to drop, in order; what waits outside stays its putter's */
TEST_IN_SIM(aborting_drops_what_is_in_and_refuses_who_waits, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(3);
	struct trace dropped = { 0 };
	struct actor a[5];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 5, act_put);
	hk_queue_abort(q, drop, &dropped);
	CHECK_STR(dropped.text, "1 2 3");
	check_closed(q);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[2].result, 0);
	CHECK_INT(a[3].result, -EPIPE);
	CHECK_INT(a[4].result, -EPIPE);
	hk_queue_abort(q, drop, &dropped);
	CHECK_STR(dropped.text, "1 2 3");
}

/* test_shutdown_immediate, on the other side */
TEST_IN_SIM(aborting_ends_getters, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(3);
	struct actor a[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 2, act_get);
	hk_queue_abort(q, NULL, NULL);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[0].result, -EPIPE);
	CHECK_INT(a[1].result, -EPIPE);
	check_closed(q);
}

/* What has happened has happened: a close in the same turn takes no item back. */
TEST_IN_SIM(a_close_does_not_reach_who_was_served, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1), *p = int_queue(1);
	struct actor getter[1], putters[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, getter, 1, act_get);
	line_up(&g, p, putters, 2, act_put);
	CHECK_INT(try_put(q, 7), 0);
	hk_queue_close(q);
	CHECK_INT(try_get(p), 1);
	hk_queue_close(p);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(getter[0].result, 0);
	CHECK_INT(getter[0].item, 7);
	CHECK_INT(putters[1].result, 0);
	CHECK_INT(get(p), 2);
	check_closed(p);
}

/* A close and a cancellation in the same turn: the first that came decides. */
TEST_IN_SIM(closed_then_cancelled_says_closed, 100)
{
	AUTO(hk_queue_freep) struct hk_queue *q = int_queue(1);
	struct actor a[2];
	struct hk_group g;

	hk_group_open(&g, NULL);
	line_up(&g, q, a, 2, act_get);
	hk_scope_cancel(&a[0].scope);
	hk_queue_close(q);
	hk_scope_cancel(&a[1].scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(a[0].result, -ECANCELED);
	CHECK_INT(a[1].result, -EPIPE);
}

static const struct test tests[] = {
	T(empty_and_full),
	T(items_keep_their_order),
	T(a_putter_stops_at_the_capacity),
	T(a_getter_waits_for_an_item),
	T(waiting_putters_follow_in_order),
	T(waiting_getters_are_served_in_order),
	T(nobody_waits_for_what_is_there),
	T(draining_without_a_switch_lets_all_putters_in),
	T(workers_finish_what_is_queued),
	T(the_next_getter_is_served_when_the_first_is_cancelled),
	T(a_getter_that_timed_out_takes_nothing),
	T(a_getter_cancelled_after_it_was_served_keeps_the_item),
	T(of_many_getters_one_cancelled_loses_nothing),
	T(a_getter_cancelled_in_the_middle_of_the_line),
	T(deadline_and_item_at_the_same_instant),
	T(a_cancelled_putter_was_not_queued),
	T(a_putter_cancelled_after_it_was_let_in_reports_success),
	T(a_putter_cancelled_in_the_middle_of_the_line),
	T(in_a_cancelled_scope_nothing_moves),
	T(closing_an_empty_queue_ends_its_getters),
	T(closing_a_full_queue_ends_its_putters_and_keeps_its_items),
	T(aborting_drops_what_is_in_and_refuses_who_waits),
	T(aborting_ends_getters),
	T(a_close_does_not_reach_who_was_served),
	T(closed_then_cancelled_says_closed),
};

int main(void)
{
	return RUN_TESTS(tests);
}
