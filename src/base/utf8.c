/* utf8.c - UTF-8: valid or not, written, cut
 *
 * What this room is for: text from outside is checked once; text of ours is never cut inside a character.
 * What flows through:    bytes.
 * What must hold:
 *  (1) the definition of a valid character is in one place, utf8_size().
 *  (2) eight bytes are looked at together while they are ASCII, which most text is. */
#include "base/utf8.h"
#include <string.h>

bool utf8_valid(struct slice s)
{
	if (!s.n)
		return true;
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
	while (p < end) {
		uint64_t eight;
		if (end - p >= 8) {
			memcpy(&eight, p, 8);
			if (!(eight & UINT64_C(0x8080808080808080))) {
				p += 8;
				continue;
			}
		}
		size_t n = *p < 0x80 ? 1 : utf8_size(p, end);
		if (!n)
			return false;
		p += n;
	}
	return true;
}

size_t utf8_put(uint32_t c, char *out)
{
	ASSERT(c <= 0x10ffff && (c & 0xfffff800) != 0xd800);
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

struct slice utf8_head(struct slice s, size_t n)
{
	if (s.n <= n)
		return s;
	/* s[n] is the first byte left out: if it continues a character, leave that out from its start. A run
	 * of more than three such bytes is no character; it is cut where it was asked for. */
	size_t cut = n;
	while (cut && n - cut < 3 && (s.p[cut] & 0xc0) == 0x80)
		cut--;
	return slice_head(s, (s.p[cut] & 0xc0) == 0x80 ? n : cut);
}

size_t utf8_count(struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}
