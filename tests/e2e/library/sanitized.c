/* What a program's own AddressSanitizer or ThreadSanitizer sees of tasks: many switches, and calls that never return to their frame. */
#include <hocket/hocket.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

static int deeper(jmp_buf back, int n)
{
	char room[200];

	memset(room, n, sizeof(room));
	if (n == 0)
		longjmp(back, 1);
	return deeper(back, n - 1) + room[7];
}

/* longjmp makes ASan clean the stack between here and there: it must know which stack that is. */
static int jumps(void *arg)
{
	for (int i = 0; i < 5; i++) {
		jmp_buf back;
		int r = hk_sleep(HK_MS);

		if (r < 0)
			return r;
		if (setjmp(back) == 0)
			return deeper(back, *(int *)arg);
	}
	return 0;
}

static int nap(void *arg)
{
	char room[64];
	int r;

	memset(room, *(int *)arg, sizeof(room));
	r = hk_sleep(HK_MS);
	return r < 0 ? r : room[3] == *(int *)arg ? 0 : -1;
}

static int program(void *arg)
{
	static int n[20];
	struct hk_group g;
	int r = 0;

	(void)arg;
	hk_group_open(&g, NULL);
	for (int i = 0; r == 0 && i < 20; i++) {
		n[i] = i;
		r = hk_spawn(&g, i % 2 ? jumps : nap, &n[i]);
	}
	return hk_group_close(&g, r);
}

int main(void)
{
	int r = hk_run(program, NULL, NULL);

	printf("ended %d\n", r);
	return r < 0;
}
