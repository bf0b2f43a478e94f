/* utf8.h - the shape of one character (RFC 3629)
 *
 * What this room is for: everything that must not cut or pass a broken character: JSON, error texts.
 * What must hold: overlong forms, surrogates and what lies above U+10FFFF are not characters. */
#pragma once
#include "base/slice.h"

/* Bytes of the character at p, which is not ASCII: 2 to 4; 0: not valid. p < end. */
static inline size_t utf8_size(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);
	if (left < 2 || (p[1] & 0xc0) != 0x80)
		return 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return 2;
	if (left < 3 || (p[2] & 0xc0) != 0x80)
		return 0;
	if ((p[0] & 0xf0) == 0xe0) {
		unsigned top = (p[0] & 0x0fu) << 6 |
			       (p[1] & 0x3fu); /* the code point without its last 6 bits */
		return top >= 0x20 && (top & 0x3e0) != 0x360 ? 3 : 0;
	}
	if (left < 4 || (p[3] & 0xc0) != 0x80 || p[0] < 0xf0 || p[0] > 0xf4)
		return 0;
	unsigned top = (p[0] & 0x07u) << 6 | (p[1] & 0x3fu); /* without its last 12 bits */
	return top >= 0x10 && top < 0x110 ? 4 : 0;
}

/* Writes the character (a Unicode scalar value) to out, which has room for 4 bytes; returns its size. */
size_t utf8_put(uint32_t c, char *out);

/* The most of s, up to n bytes, that does not end inside a character. */
struct slice utf8_head(struct slice s, size_t n);

bool utf8_valid(struct slice);
size_t utf8_count(struct slice); /* characters of valid text */
