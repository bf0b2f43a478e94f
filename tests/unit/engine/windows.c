/* windows.c (tests) - windows by key: each is found by its key, and the oldest first, whatever was closed since */
#include "engine/run/windows.h"
#include "base/rand.h"
#include "check.h"

enum { KEYS = 3000, STEPS = 60000 };

static const uint8_t *key_of(uint32_t n, uint8_t ret[static WINDOW_KEY_BYTES])
{
	memset(ret, 7, WINDOW_KEY_BYTES);
	memcpy(ret + (n % 2 ? 0 : 8), &n, sizeof n); /* half of them lie on one shelf */
	return ret;
}

/* The number of the oldest, as a list says that is searched from its start. */
static uint64_t oldest_of(const uint64_t numbers[static KEYS])
{
	uint64_t oldest = 0;
	for (size_t i = 0; i < KEYS; i++)
		if (numbers[i] && (!oldest || numbers[i] < oldest))
			oldest = numbers[i];
	return oldest;
}

TEST(they_are_found_by_key_and_by_age)
{
	struct windows ws = { 0 };
	uint64_t numbers[KEYS] = { 0 }, next = 1; /* of each key's window; 0: it has none */
	uint8_t key[WINDOW_KEY_BYTES];
	struct rand rnd;
	rand_seed(&rnd, 1);
	for (size_t i = 0; i < STEPS; i++) {
		uint32_t n = (uint32_t)rand_below(&rnd, i < STEPS / 2 ? KEYS : KEYS / 50);
		struct window *w = windows_find(&ws, key_of(n, key));
		CHECK_INT(w ? w->number : 0, numbers[n]);
		if (w) {
			windows_close(&ws, w);
			numbers[n] = 0;
		} else {
			numbers[n] = windows_open(&ws, key, next, 5)->number;
			next++;
		}
		w = i % 97 ? NULL : windows_oldest(&ws);
		if (w)
			CHECK_INT(w->number, oldest_of(numbers));
	}
	while (windows_oldest(&ws)) {
		CHECK_INT(windows_oldest(&ws)->number, oldest_of(numbers));
		for (size_t i = 0; i < KEYS; i++)
			if (numbers[i] == windows_oldest(&ws)->number)
				numbers[i] = 0;
		windows_close(&ws, windows_oldest(&ws));
	}
	CHECK_INT(oldest_of(numbers), 0);
	CHECK_INT(windows_bytes(&ws), 0); /* none is open: none of it is kept */
}

TEST(a_million_cost_sixty_bytes_each)
{
	struct windows ws = { 0 };
	uint8_t key[WINDOW_KEY_BYTES];
	for (uint32_t n = 0; n < 1u << 20; n++) {
		memset(key, 0, sizeof key);
		memcpy(key, &n, sizeof n);
		windows_open(&ws, key, n, 0);
	}
	CHECK_INT(windows_bytes(&ws) >> 20, 60);
	windows_done(&ws);
}

static const struct test tests[] = {
	T(they_are_found_by_key_and_by_age),
	T(a_million_cost_sixty_bytes_each),
};

int main(void)
{
	return RUN_TESTS(tests);
}
