/* rand.c - xoshiro256**, seeded by splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom generators")
 *
 * What this room is for: jitter, sampling, scheduler seeds, run ids. Never keys or nonces.
 * What flows through:    64-bit numbers; the state is the caller's.
 * What must hold:
 *  (1) a seed decides all numbers on every machine: a simulation replays from its seed.
 *  (2) rand_below is exact: each result is equally likely, also for n that do not divide 2^64. */
#include "base/rand.h"
#include <errno.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

void rand_seed(struct rand *r, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->s); i++) {
		seed += UINT64_C(0x9e3779b97f4a7c15);
		uint64_t z = seed;
		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		r->s[i] = z ^ z >> 31;
	}
}

uint64_t rand_entropy(void)
{
	uint64_t seed = 0;
	ssize_t n;
	do
		n = getrandom(&seed, sizeof(seed), 0);
	while (n < 0 && errno == EINTR);
	ASSERT(n == (ssize_t)sizeof(seed)); /* up to 256 bytes are never cut short */
	return seed;
}

uint64_t rand_u64(struct rand *r)
{
	uint64_t *s = r->s;
	ASSERT(s[0] | s[1] | s[2] | s[3]); /* all zero: never seeded, and it would stay zero */
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* Lemire's method: the high half of a product is the result; the few low halves that would make some
 * results likelier than others are drawn again. */
uint64_t rand_below(struct rand *r, uint64_t n)
{
	ASSERT(n > 0);
	unsigned __int128 product = (unsigned __int128)rand_u64(r) * n;
	if ((uint64_t)product < n) {
		uint64_t unfair = -n % n; /* 2^64 mod n */
		while ((uint64_t)product < unfair)
			product = (unsigned __int128)rand_u64(r) * n;
	}
	return (uint64_t)(product >> 64);
}
