/* lost_argument.c - the mistake that only C has: an argument that changed, or is gone, when the task runs
 *
 * hk_spawn() keeps the pointer and starts the task later, when the caller waits. BAD: all tasks get the address of one loop
 * variable, and read what it has become. Worse is the address of a variable whose function has returned: whatever lies there.
 * GOOD: each task has an argument of its own that lives until the group is closed. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>

enum { TASKS = 3 };

static int show(void *arg)
{
	printf(" %d", *(int *)arg);
	return 0;
}

static int bad(void)
{
	struct hk_group group;
	int i, r = 0;

	hk_group_open(&group, NULL);
	for (i = 0; r == 0 && i < TASKS; i++)
		r = hk_spawn(&group, show, &i); /* BAD: one variable for all */
	return hk_group_close(&group, r);
}

static int good(void)
{
	struct hk_group group;
	int numbers[TASKS], r = 0;

	hk_group_open(&group, NULL);
	for (int i = 0; r == 0 && i < TASKS; i++) {
		numbers[i] = i;
		r = hk_spawn(&group, show, &numbers[i]); /* GOOD: lives until close */
	}
	return hk_group_close(&group, r);
}

static int program(void *arg)
{
	int r;

	(void)arg;
	printf("bad:");
	r = bad();
	printf("\ngood:");
	if (r == 0)
		r = good();
	printf("\n");
	return r;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
