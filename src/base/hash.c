/* hash.c - FNV-1a with a finisher
 *
 * What this room is for: fingerprints of files and lines, slots in tables.
 * What flows through:    bytes into a running 64-bit state, in as many pieces as they come.
 * What must hold:        the pieces do not matter: adding "ab" equals adding "a", then "b". The numbers are
 *   written to state files and therefore never change. */
#include "base/hash.h"

uint64_t hash_add(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* FNV leaves its low bits poor in short inputs; this spreads them (the finisher of MurmurHash3). */
uint64_t hash_end(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}
