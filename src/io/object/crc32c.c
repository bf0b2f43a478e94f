/* crc32c.c - Castagnoli's checksum, eight bytes an instruction where the processor has it
 *
 * What this room is for: the evidence that what a service keeps is what was sent. It runs over every byte that goes up or comes down.
 * What flows through:    bytes in, 32 bits out.
 * What must hold:        the sum is kept inverted only in here: so_far and the result are what the services say. */
#include "io/object/crc32c.h"
#include "io/db/db_base64.h"
#include <hocket/offload.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* its bits in the order in which they arrive */
#define LOOP_MOST  (2u << 20)  /* about a quarter of a millisecond; more goes to a thread */

/* ---- without help: four tables, four bytes a step ------------------------------------------------------ */

static uint32_t tables[4][256];

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
		tables[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 4; t++)
			tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
}

static uint32_t step_by_table(uint32_t c, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = s.n;
	for (; n >= 4; n -= 4, p += 4) {
		c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		     (uint32_t)p[3] << 24;
		c = tables[3][c & 255] ^ tables[2][c >> 8 & 255] ^ tables[1][c >> 16 & 255] ^
		    tables[0][c >> 24];
	}
	for (; n > 0; n--, p++)
		c = c >> 8 ^ tables[0][(c ^ *p) & 255];
	return c;
}

/* ---- with it ------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t step_by_processor(uint32_t c, struct slice s)
{
	const char *p = s.p;
	size_t n = s.n;
	uint64_t wide = c, word;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		wide = _mm_crc32_u64(wide, word);
	}
	c = (uint32_t)wide;
	for (; n > 0; n--, p++)
		c = _mm_crc32_u8(c, (unsigned char)*p);
	return c;
}

static bool processor_helps(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t step_by_processor(uint32_t c, struct slice s)
{
	return step_by_table(c, s);
}

static bool processor_helps(void)
{
	return false;
}
#endif

/* ---- the choice ------------------------------------------------------------------------------------------ */

/* Who comes first makes the tables. Threads may do so at once: they write the same. */
static void need_tables(void)
{
	static bool made;
	if (__atomic_load_n(&made, __ATOMIC_ACQUIRE))
		return;
	make_tables();
	__atomic_store_n(&made, true, __ATOMIC_RELEASE);
}

uint32_t crc32c_by_table(uint32_t so_far, struct slice s)
{
	need_tables();
	return ~step_by_table(~so_far, s);
}

uint32_t crc32c(uint32_t so_far, struct slice s)
{
	return processor_helps() ? ~step_by_processor(~so_far, s) : crc32c_by_table(so_far, s);
}

/* ---- the whole, and how it is written -------------------------------------------------------------------- */

struct work {
	struct slice s;
	uint32_t sum;
};

static int sum_on_thread(void *arg)
{
	struct work *w = arg;
	w->sum = crc32c(0, w->s);
	return 0;
}

int crc32c_whole(struct slice s, uint32_t *ret)
{
	struct work w = { .s = s };
	int r = s.n > LOOP_MOST ? hk_offload_cpu(sum_on_thread, &w) : sum_on_thread(&w);
	if (r == 0)
		*ret = w.sum;
	return r;
}

int crc32c_put_hex(uint32_t crc, struct buf *out)
{
	return buf_printf(out, "%08x", crc);
}

int crc32c_put_base64(uint32_t crc, struct buf *out)
{
	char bytes[CRC32C_BYTES] = { (char)(crc >> 24), (char)(crc >> 16), (char)(crc >> 8),
				     (char)crc };
	return db_base64_put((struct slice){ bytes, sizeof(bytes) }, out);
}
