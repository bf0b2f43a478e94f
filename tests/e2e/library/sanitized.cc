// What a program's own AddressSanitizer sees of tasks that throw: each throw unwinds a task's stack.
#include <cstdio>
#include <cstring>
#include <hocket/hocket.h>
#include <stdexcept>
#include <string>

static int deeper(int n)
{
	char room[200];

	memset(room, n, sizeof(room));
	if (n == 0)
		throw std::runtime_error("here");
	return deeper(n - 1) + room[7];
}

static int throws(void *)
{
	for (int i = 0; i < 5; i++) {
		std::string said;

		try {
			int r = hk_sleep(HK_MS);
			return r < 0 ? r : deeper(10);
		} catch (const std::runtime_error &e) {
			said = e.what();
		}
		int r = said == "here" ? hk_yield() : -1;
		if (r < 0)
			return r;
	}
	return 0;
}

static int program(void *)
{
	hk_group g;
	int r = 0;

	hk_group_open(&g, nullptr);
	for (int i = 0; r == 0 && i < 20; i++)
		r = hk_spawn(&g, throws, nullptr);
	return hk_group_close(&g, r);
}

int main()
{
	int r = hk_run(program, nullptr, nullptr);

	std::printf("ended %d\n", r);
	return r < 0;
}
