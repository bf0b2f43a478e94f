/* blocking.c - mistake 1: blocking the loop with a synchronous call
 *
 * Python: time.sleep(2) in a coroutine: all other requests are frozen, and nobody says so.
 *
 * A ticker ticks every 10 ms. bad_handler() sleeps the thread: no tick in between, and while it still sleeps the
 * watcher says on standard error which task it is, since when, and in which call. good_handler() waits with hk_sleep(), and
 * legacy_handler() has a blocking call that cannot be changed: it goes to a thread. Both leave the ticker alone. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <time.h>

static int ticks;

static int tick(void *arg)
{
	int r;

	(void)arg;
	while ((r = hk_sleep(10 * HK_MS)) == 0)
		ticks++;
	return r;
}

static int blocking_call(void *arg)
{
	struct timespec left = { .tv_nsec = 300 * 1000 * 1000 };

	(void)arg;
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return 0;
}

static int bad_handler(void *arg)
{
	return blocking_call(arg); /* BAD: the whole loop stands still */
}

static int good_handler(void *arg)
{
	(void)arg;
	return hk_sleep(300 * HK_MS); /* GOOD: only this task waits */
}

static int legacy_handler(void *arg)
{
	return hk_offload(blocking_call, arg); /* GOOD: a thread of the pool waits */
}

static int ticks_during(hk_fn *handler, const char *name)
{
	struct hk_group group;
	int before = ticks, r;

	hk_group_open(&group, NULL);
	r = hk_group_spawn(&group, handler, NULL,
			   &(struct hk_spawn_options){ .name = name, .where = HK_HERE });
	r = hk_group_close(&group, r);
	printf("%s: the ticker %s\n", name, ticks - before > 5 ? "went on ticking" : "stood still");
	return r < 0 ? r : ticks - before;
}

static int program(void *arg)
{
	struct hk_group group;
	int bad, good, legacy, r;

	(void)arg;
	hk_group_open(&group, NULL);
	r = hk_spawn(&group, tick, NULL);
	bad = ticks_during(bad_handler, "bad_handler");
	good = ticks_during(good_handler, "good_handler");
	legacy = ticks_during(legacy_handler, "legacy_handler");
	hk_group_cancel(&group);
	r = hk_group_close(&group, r);
	return r < 0 || bad > 5 || good <= 5 || legacy <= 5 ? -EIO : 0;
}

int main(void)
{
	return hk_run(program, NULL, &(struct hk_run_options){ .stall_ns = 100 * HK_MS }) < 0;
}
