/* 1_hello.c - two tasks wait at the same time */
#include <hocket/hocket.h>
#include <stdio.h>

static int greet(void *arg)
{
	const char *name = arg;
	int r = hk_sleep(100 * HK_MS);

	if (r < 0)
		return r;
	printf("hello, %s\n", name);
	return 0;
}

static int program(void *arg)
{
	int64_t began = hk_now_exact_ns();
	struct hk_group group;
	int r;

	(void)arg;
	hk_group_open(&group, NULL);
	r = hk_spawn(&group, greet, "first voice");
	if (r == 0)
		r = hk_spawn(&group, greet, "second voice");
	r = hk_group_close(&group, r);
	printf("%s\n", hk_now_exact_ns() - began < 190 * HK_MS ? "together" : "one by one");
	return r;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
