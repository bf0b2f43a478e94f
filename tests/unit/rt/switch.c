/* switch.c - the bare context switch */
#include "rt/switch.h"
#include "../check.h"
#include "rt/sanitize.h"
#include <stdlib.h>

enum { STACK_BYTES = 128 << 10 };

static struct {
	void *main_sp, *other_sp;
	struct sanitize main_sanitize, other_sanitize;
	int steps;
	double sum;
	bool aligned;
} s;

static void to_other(void)
{
	sanitize_switch(&s.main_sanitize, false, &s.other_sanitize, &s.main_sp, s.other_sp);
}

static void to_main(bool ends)
{
	sanitize_switch(&s.other_sanitize, ends, &s.main_sanitize, &s.other_sp, s.main_sp);
}

static void other(void *arg)
{
	/* Enough values alive across the switch to fill every register that must be kept. */
	long a = *(int *)arg, b = a + 1, c = a + 2, d = a + 3, e = a + 4, f = a + 5, g = a + 6;
	double x = 0.5;
	_Alignas(16) char probe[16];
	volatile uintptr_t at = (uintptr_t)probe;

	sanitize_arrive(&s.other_sanitize);
	s.aligned = at % 16 == 0;
	for (int i = 0; i < 1000; i++) {
		to_main(false);
		s.steps++;
		a += b, b += c, c += d, d += e, e += f, f += g, g++;
		x += 0.25;
		s.sum = (double)(a - b + c - d + e - f + g) + x;
	}
	to_main(true);
}

TEST(registers_survive_both_ways)
{
	char *memory = aligned_alloc(64, STACK_BYTES);
	int seven = 7;
	long a = 7, b = 8, c = 9, d = 10, e = 11, f = 12, g = 13;
	double x = 0.5;

	CHECK(memory != NULL);
	sanitize_thread(&s.main_sanitize);
	sanitize_fiber(&s.other_sanitize, memory, memory + STACK_BYTES);
	s.other_sp = context_make(memory + STACK_BYTES, other, &seven);
	to_other();
	CHECK(s.aligned);
	for (int i = 0; i < 1000; i++) {
		to_other();
		CHECK_INT(s.steps, i + 1);
		a += b, b += c, c += d, d += e, e += f, f += g, g++;
		x += 0.25;
		CHECK(s.sum == (double)(a - b + c - d + e - f + g) + x);
	}
	sanitize_fiber_done(&s.other_sanitize);
	free(memory);
}

static const struct test tests[] = { T(registers_survive_both_ways) };

int main(void)
{
	return RUN_TESTS(tests);
}
