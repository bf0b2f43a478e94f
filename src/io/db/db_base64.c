/* db_base64.c - base64 (RFC 4648, section 4), both ways
 *
 * What this room is for: bytea and BLOB have no other form in JSON.
 * What flows through:    bytes to text with padding; text, with padding or without, to bytes.
 * What must hold:        reading is strict: a character of another alphabet, bits left over or a blank are refused. */
#include "io/db/db_base64.h"
#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int db_base64_put(struct slice s, struct buf *out)
{
	int r = buf_reserve(out, (s.n + 2) / 3 * 4);
	char *to;

	if (r < 0 || s.n == 0)
		return r;
	to = out->p + out->n;
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		unsigned bits = (unsigned)(unsigned char)s.p[i] << 16;
		bits |= left > 1 ? (unsigned)(unsigned char)s.p[i + 1] << 8 : 0;
		bits |= left > 2 ? (unsigned)(unsigned char)s.p[i + 2] : 0;
		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[bits & 63] : '=';
	}
	buf_added(out, (s.n + 2) / 3 * 4);
	return 0;
}

static int digit_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

int db_base64_read(struct slice s, struct buf *out)
{
	size_t before = out->n;
	size_t padding =
		s.n % 4 == 0 && slice_ends(s, S("==")) ? 2 : s.n % 4 == 0 && slice_ends(s, S("="));
	unsigned bits = 0, have = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s.n - padding; i++) {
		int d = digit_of(s.p[i]);
		if (d < 0) {
			r = -EBADMSG;
			break;
		}
		bits = bits << 6 | (unsigned)d;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		r = buf_add_char(out, (char)(bits >> have & 255));
		bits &= (1u << have) - 1;
	}
	if (r == 0 && (have >= 6 || bits))
		r = -EBADMSG;
	if (r < 0)
		buf_truncate(out, before);
	return r;
}
