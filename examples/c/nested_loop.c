/* nested_loop.c - mistake 2: a new loop in every function
 *
 * Python: def wrapper(coroutine): return asyncio.run(coroutine)      fails inside a running loop
 *
 * In Python a function that is not async cannot wait, and people reach for a second loop. Here any function may wait, at any
 * depth, so there is nothing to wrap: call it. A second loop is refused with -EDEADLK and a sentence that says so. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>

static int handler(void *arg)
{
	(void)arg;
	return hk_sleep(10 * HK_MS) < 0 ? -ECANCELED : 42;
}

/* BAD: a loop inside the loop. */
static int bad_wrapper(void)
{
	return hk_run(handler, NULL, NULL);
}

/* GOOD: an ordinary function that calls what waits. */
static int good_wrapper(void)
{
	return handler(NULL);
}

static int program(void *arg)
{
	int bad = bad_wrapper(), good = good_wrapper();

	(void)arg;
	printf("hk_run() inside a task: %s\n", bad == -EDEADLK ? "-EDEADLK" : "?");
	printf("the same by a plain call: %d\n", good);
	return bad == -EDEADLK && good == 42 ? 0 : -EIO;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
