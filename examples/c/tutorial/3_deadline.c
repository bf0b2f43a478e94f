/* 3_deadline.c - a deadline around anything that waits, and cleanup that may wait too */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>

/* A session with something far away: it must say goodbye, whatever happens. */
static int talk(int64_t answer_takes_ns)
{
	struct hk_scope goodbye;
	int r = hk_sleep(answer_takes_ns); /* -ECANCELED when the deadline runs out */

	hk_scope_open_shield(&goodbye, 50 * HK_MS); /* for 50 ms nobody may cut us short */
	printf("  goodbye %s\n", hk_sleep(HK_MS) == 0 ? "said" : "cut short");
	return hk_scope_close(&goodbye, r);
}

static int talk_within(int64_t answer_takes_ns, int64_t limit_ns)
{
	struct hk_scope limit;

	hk_scope_open(&limit, limit_ns);
	return hk_scope_close(&limit, talk(answer_takes_ns)); /* -ETIMEDOUT if it was this one */
}

static int program(void *arg)
{
	int slow, quick;

	(void)arg;
	quick = talk_within(10 * HK_MS, 10 * HK_SEC);
	printf("quick answer: %s\n", quick == 0 ? "in time" : "?");
	slow = talk_within(10 * HK_SEC, 20 * HK_MS);
	printf("slow answer: %s\n", slow == -ETIMEDOUT ? "timed out" : "?");
	return quick == 0 && slow == -ETIMEDOUT ? 0 : -EIO;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
