/* utf8.c - fuzz target: base/utf8.h beside a slow reader written from the table of RFC 3629, section 4
 *
 * What must hold, for every input:
 *  (1) both agree on whether the bytes are valid.
 *  (2) every head of a valid text is valid, and at most three bytes shorter than was asked for. */
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

struct row {
	unsigned char first[2], second[2]; /* from, to */
	size_t size;
};

static const struct row table[] = {
	{ { 0xc2, 0xdf }, { 0x80, 0xbf }, 2 }, { { 0xe0, 0xe0 }, { 0xa0, 0xbf }, 3 },
	{ { 0xe1, 0xec }, { 0x80, 0xbf }, 3 }, { { 0xed, 0xed }, { 0x80, 0x9f }, 3 },
	{ { 0xee, 0xef }, { 0x80, 0xbf }, 3 }, { { 0xf0, 0xf0 }, { 0x90, 0xbf }, 4 },
	{ { 0xf1, 0xf3 }, { 0x80, 0xbf }, 4 }, { { 0xf4, 0xf4 }, { 0x80, 0x8f }, 4 },
};

static bool within(unsigned char c, const unsigned char limits[2])
{
	return c >= limits[0] && c <= limits[1];
}

static size_t slow_size(const unsigned char *p, size_t left)
{
	static const unsigned char later[2] = { 0x80, 0xbf };
	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct row *r = &table[i];
		if (!within(p[0], r->first) || left < r->size || !within(p[1], r->second))
			continue;
		bool rest = (r->size < 3 || within(p[2], later)) &&
			    (r->size < 4 || within(p[3], later));
		return rest ? r->size : 0;
	}
	return 0;
}

static bool slow_valid(const unsigned char *p, size_t n)
{
	while (n) {
		size_t size = slow_size(p, n);
		if (!size)
			return false;
		p += size;
		n -= size;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { n ? (const char *)bytes : "", n };
	bool valid = utf8_valid(text);
	ASSERT(valid == slow_valid(bytes, n));
	for (size_t at = 0; at <= n && at < 64; at++) {
		struct slice head = utf8_head(text, at);
		ASSERT(head.n <= at && at - head.n < 4);
		ASSERT(!valid || utf8_valid(head));
	}
	return 0;
}
