/* asyncio_gather.c - what the gather tests of CPython's test_tasks.py say, said of hk_gather
 *
 * On purpose different: without results the first failure cancels the rest, and gather waits for them (asyncio.gather() returns at
 * once and lets them run on). With results it is return_exceptions=True and tells how many failed. limit is the semaphore
 * one puts around it. */
#include "in_loop.h"

struct item {
	int64_t sleep_ns;
	int result, slept;
};
enum { NOT_RUN = 77 };

static int running, running_most;

static int work(void *arg)
{
	struct item *i = arg;

	if (++running > running_most)
		running_most = running;
	i->slept = hk_sleep(i->sleep_ns);
	running--;
	return i->slept < 0 ? i->slept : i->result;
}

static int gather(struct item *items, size_t n, unsigned limit, int *results)
{
	struct hk_gather_options o = { .limit = limit, .results = results };

	running = running_most = 0;
	for (size_t i = 0; i < n; i++)
		items[i].slept = NOT_RUN;
	for (size_t i = 0; results && i < n; i++)
		results[i] = NOT_RUN;
	return hk_gather(work, items, n, sizeof(items[0]), &o);
}

/* GatherTestsBase.test_success, test_result_exception_success: results in the order of the arguments */
TEST_IN_SIM(results_are_in_the_order_of_the_items, 100)
{
	struct item items[] = { { 2 * HK_MS, 2 }, { HK_MS, 1 }, { 3 * HK_MS, 3 } };
	int results[3];

	CHECK_INT(gather(items, 3, 0, NULL), 0);
	CHECK_INT(gather(items, 3, 0, results), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(results[i], items[i].result);
}

/* test_constructor_empty_sequence */
TEST_IN_SIM(gather_of_nothing, 100)
{
	int results[1] = { NOT_RUN };
	struct hk_scope s;

	CHECK_INT(hk_gather(work, NULL, 0, 0, NULL), 0);
	CHECK_INT(hk_gather(work, NULL, 0, 0, &(struct hk_gather_options){ .results = results }),
		  0);
	CHECK_INT(results[0], NOT_RUN);
	hk_scope_open(&s, 0);
	CHECK_INT(hk_gather(work, NULL, 0, 0, NULL), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
}

/* test_one_exception */
TEST_IN_SIM(one_failure_ends_the_rest, 100)
{
	struct item items[] = { { HK_MS, 1 }, { 2 * HK_MS, -EIO }, { HK_SEC, 3 }, { HK_SEC, 4 } };
	int64_t start = hk_now_ns();

	CHECK_INT(gather(items, 4, 0, NULL), -EIO);
	CHECK_INT(items[0].slept, 0);
	CHECK_INT(items[2].slept, -ECANCELED);
	CHECK_INT(items[3].slept, -ECANCELED);
	CHECK_INT(running, 0);
	CHECK_INT(hk_now_ns() - start, 2 * HK_MS);
	CHECK_INT(gather(items, 4, 2, NULL), -EIO); /* the last one is never begun */
	CHECK_INT(items[2].slept, -ECANCELED);
	CHECK_INT(items[3].slept, NOT_RUN);
}

/* test_return_exceptions */
TEST_IN_SIM(with_results_all_run, 100)
{
	struct item items[] = {
		{ 3 * HK_MS, 3 }, { HK_MS, 1 }, { 2 * HK_MS, -EIO }, { 4 * HK_MS, -ENOSPC }
	};
	int results[4];

	CHECK_INT(gather(items, 4, 0, results), 2);
	CHECK_INT(results[0], 3);
	CHECK_INT(results[1], 1);
	CHECK_INT(results[2], -EIO);
	CHECK_INT(results[3], -ENOSPC);
	CHECK_INT(gather(items, 4, 1, results), 2);
	CHECK_INT(running_most, 1);
	CHECK_INT(results[3], -ENOSPC);
}

static int cancelled_alone(void *arg)
{
	struct item *i = arg;
	struct hk_scope s;
	int r;

	if (i->result != -ECANCELED)
		return work(arg);
	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	r = hk_sleep(1);
	return hk_scope_close(&s, r);
}

/* test_one_cancellation: an item that was cancelled on its own failed like any other */
TEST_IN_SIM(one_cancelled_item_ends_the_rest, 100)
{
	for (unsigned limit = 0; limit <= 3; limit++) {
		struct item items[] = { { HK_MS, 1, NOT_RUN },
					{ 0, -ECANCELED, NOT_RUN },
					{ HK_SEC, 3, NOT_RUN } };
		int r = hk_gather(cancelled_alone, items, 3, sizeof(items[0]),
				  &(struct hk_gather_options){ .limit = limit });
		CHECK_INT(r, -ECANCELED);
		CHECK(items[2].slept != 0);
		CHECK_INT(hk_checkpoint(), 0);
	}
}

/* test_result_exception_one_cancellation */
TEST_IN_SIM(with_results_one_cancelled_item_ends_nobody, 100)
{
	for (unsigned limit = 0; limit <= 3; limit++) {
		struct item items[] = { { HK_MS, 1 }, { 0, -ECANCELED }, { HK_SEC, 3 } };
		int results[3] = { NOT_RUN, NOT_RUN, NOT_RUN };
		struct hk_gather_options o = { .limit = limit, .results = results };
		CHECK_INT(hk_gather(cancelled_alone, items, 3, sizeof(items[0]), &o), 1);
		CHECK_INT(results[0], 1);
		CHECK_INT(results[1], -ECANCELED);
		CHECK_INT(results[2], 3);
	}
}

/* test_cancel_gather_2: cancelled from outside, with and without results: everybody obeys, gather says so */
TEST_IN_SIM(cancelled_from_outside, 100)
{
	struct item items[] = { { HK_MS, 1 }, { HK_SEC, 2 }, { HK_SEC, 3 }, { HK_SEC, 4 } };
	struct hk_scope s;
	int results[4];

	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(gather(items, 4, 0, NULL), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(items[0].slept, 0);
	CHECK_INT(items[3].slept, -ECANCELED);
	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(gather(items, 4, 2, results), -ECANCELED);
	CHECK_INT(hk_scope_close(&s, -ECANCELED), -ETIMEDOUT);
	CHECK_INT(results[0], 1);
	CHECK_INT(results[1], -ECANCELED);
	CHECK_INT(results[2], -ECANCELED);
	CHECK_INT(results[3], -ECANCELED); /* never begun */
	CHECK_INT(items[3].slept, NOT_RUN);
	CHECK_INT(running, 0);
}

static int never_mind(void *arg)
{
	struct item *i = arg;

	i->slept = hk_sleep(i->sleep_ns);
	return i->result;
}

/* Cancelled while an item ends well: it has its result, and no further one begins. */
TEST_IN_SIM(nothing_begins_after_a_cancellation, 100)
{
	struct item items[] = { { HK_SEC, 1, NOT_RUN }, { HK_SEC, 2, NOT_RUN } };
	int results[2] = { NOT_RUN, NOT_RUN };
	struct hk_gather_options o = { .limit = 1, .results = results };
	struct hk_scope s;
	int r;

	hk_scope_open(&s, HK_MS);
	r = hk_gather(never_mind, items, 2, sizeof(items[0]), &o);
	CHECK_INT(r, -ECANCELED);
	CHECK_INT(results[0], 1);
	CHECK_INT(results[1], -ECANCELED);
	CHECK_INT(items[1].slept, NOT_RUN);
	CHECK_INT(hk_scope_close(&s, r), -ETIMEDOUT);
}

/* test_cancel_gather_1: once all are done, a cancellation in the same instant changes nothing */
static struct hk_scope around;
static int last_one_cancels(void *arg)
{
	struct item *i = arg;
	int r = hk_sleep(i->sleep_ns);

	if (i->result == 2)
		hk_scope_cancel(&around);
	return r < 0 ? r : i->result;
}

TEST_IN_SIM(cancelled_when_all_is_done, 100)
{
	struct item items[] = { { HK_MS, 1 }, { 2 * HK_MS, 2 } };
	int results[2];

	for (unsigned limit = 0; limit <= 2; limit++) {
		struct hk_gather_options o = { .limit = limit, .results = results };
		int r;
		hk_scope_open(&around, HK_FOREVER);
		r = hk_gather(last_one_cancels, items, 2, sizeof(items[0]), &o);
		CHECK_INT(r, 0);
		CHECK_INT(results[0], 1);
		CHECK_INT(results[1], 2);
		CHECK_INT(hk_scope_close(&around, r), 0);
		hk_scope_open(&around, HK_FOREVER);
		CHECK_INT(hk_gather(last_one_cancels, items, 2, sizeof(items[0]), NULL), 0);
		CHECK_INT(hk_scope_close(&around, 0), 0);
	}
}

/* gather + Semaphore: never more than limit, always as many as can be; items begin in order */
static struct trace begun;
static int begin(void *arg)
{
	struct item *i = arg;

	trace_add(&begun, "%d", i->result);
	return work(i);
}

TEST_IN_SIM(a_limit_is_kept_and_used, 100)
{
	struct item items[20];
	int64_t start = hk_now_ns();

	begun = (struct trace){ 0 };
	running = running_most = 0;
	for (int i = 0; i < 20; i++)
		items[i] = (struct item){ HK_SEC, i };
	CHECK_INT(hk_gather(begin, items, 20, sizeof(items[0]),
			    &(struct hk_gather_options){ .limit = 5 }),
		  0);
	CHECK_INT(running_most, 5);
	CHECK_INT(hk_now_ns() - start, 4 * HK_SEC);
	CHECK_STR(begun.text, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
	CHECK_INT(gather(items, 20, 100, NULL), 0); /* more than there are */
	CHECK_INT(running_most, 20);
}

/* A gather in a gather. */
static int inner_gather(void *arg)
{
	struct item *row = arg;
	return gather(row, 3, 0, NULL);
}

TEST_IN_SIM(gathers_nest, 100)
{
	struct item rows[3][3] = { { { HK_SEC, 0 }, { HK_SEC, 0 }, { HK_SEC, 0 } },
				   { { HK_SEC, 0 }, { HK_MS, -EIO }, { HK_SEC, 0 } },
				   { { HK_SEC, 0 }, { HK_SEC, 0 }, { HK_SEC, 0 } } };

	CHECK_INT(hk_gather(inner_gather, rows, 3, sizeof(rows[0]), NULL), -EIO);
	CHECK_INT(rows[0][2].slept, -ECANCELED);
	CHECK_INT(rows[2][0].slept, -ECANCELED);
}

static const struct test tests[] = {
	T(results_are_in_the_order_of_the_items),
	T(gather_of_nothing),
	T(one_failure_ends_the_rest),
	T(with_results_all_run),
	T(one_cancelled_item_ends_the_rest),
	T(with_results_one_cancelled_item_ends_nobody),
	T(cancelled_from_outside),
	T(nothing_begins_after_a_cancellation),
	T(cancelled_when_all_is_done),
	T(a_limit_is_kept_and_used),
	T(gathers_nest),
};

int main(void)
{
	return RUN_TESTS(tests);
}
