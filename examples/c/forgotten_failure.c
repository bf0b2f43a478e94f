/* forgotten_failure.c - mistake 3: failures that nobody looks at
 *
 * Python: results = await asyncio.gather(*tasks)        one failure hides the others
 *         [r for r in results if not isinstance(r, Exception)]      and this throws them away
 *
 * Five uploads, of which two fail. BAD: the group is only asked for its first failure; the second would be lost, so the runtime
 * reports it with its name and where it was spawned. GOOD: the group has room for failures, or each task has a place for its
 * result, and both are read. Ignoring what hk_group_close() returns does not even compile without a warning. */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <string.h>

enum { UPLOADS = 5 };

static int upload(void *arg)
{
	const int *number = arg;
	int r = hk_sleep(*number * HK_MS);

	return r < 0 ? r : *number == 2 ? -ENOSPC : *number == 4 ? -EACCES : 0;
}

static int upload_all(struct hk_group_options *options)
{
	int numbers[UPLOADS] = { 1, 2, 3, 4, 5 };
	struct hk_group group;
	int r = 0;

	options->policy = HK_COLLECT; /* one failure does not cancel the others */
	hk_group_open(&group, options);
	for (int i = 0; r == 0 && i < UPLOADS; i++)
		r = hk_spawn(&group, upload, &numbers[i]);
	r = hk_group_close(&group, r);
	printf("%zu uploads failed; the first: %s\n", hk_group_failed(&group), strerror(-r));
	return (int)hk_group_failed(&group);
}

static int program(void *arg)
{
	struct hk_failure failures[UPLOADS];
	int failed;

	(void)arg;
	printf("bad: nobody asks for more than one failure\n");
	fflush(stdout);
	if (upload_all(&(struct hk_group_options){ .name = "careless" }) != 2)
		return -EIO;
	printf("good: all are collected\n");
	failed = upload_all(&(struct hk_group_options){
		.name = "careful", .failures = failures, .failures_max = UPLOADS });
	for (int i = 0; i < failed; i++)
		printf("  %s: %s\n", failures[i].task, strerror(-failures[i].code));
	return failed == 2 ? 0 : -EIO;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
