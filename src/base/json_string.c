/* json_string.c - the text inside strings: escapes read and written
 *
 * What this room is for: the way between a string as it stands in JSON and the text that it means.
 * What flows through:    UTF-8 both ways. Strings from outside may hold anything after decoding, also 0.
 * What must hold:
 *  (1) json_escape is the only place that knows escapes; checking, decoding and comparing go through it.
 *  (2) decoding never makes a text longer, so room for the raw string is always enough.
 *  (3) json_quote writes what `jq` 1.6 writes, and what it writes passes json_check whatever it was given. */
#include "base/json_text.h"
#include <errno.h>

/* The four digits at p; -1 when they are not. */
static int32_t read_hex4(const json_byte *p, const json_byte *end)
{
	if (end - p < 4)
		return -1;
	uint32_t value = 0;
	for (int i = 0; i < 4; i++) {
		json_byte c = p[i], letter = c | 0x20;
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (letter >= 'a' && letter <= 'f')
			value = value << 4 | (letter - 'a' + 10);
		else
			return -1;
	}
	return (int32_t)value;
}

/* \uXXXX, or two of them that are one character beyond U+FFFF. p is at the backslash. */
static size_t read_unicode(const json_byte *p, const json_byte *end, uint32_t *ret)
{
	int32_t unit = read_hex4(p + 2, end);
	if (unit < 0)
		return 0;
	*ret = (uint32_t)unit;
	if ((unit & 0xf800) != 0xd800)
		return 6;
	if (unit >= 0xdc00 || end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return 0;
	int32_t low = read_hex4(p + 8, end);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*ret = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	return 12;
}

size_t json_escape(const json_byte *p, const json_byte *end, uint32_t *ret)
{
	static const char letters[256] = {
		['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
		['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
	};
	json_byte letter = json_peek(p + 1, end);
	if (letter == 'u')
		return read_unicode(p, end, ret);
	*ret = (json_byte)letters[letter];
	return letters[letter] ? 2 : 0;
}

/* Copies up to the next backslash, or to the end; returns how many bytes. Whole words are written: out has
 * room for all that is left to read. */
static size_t copy_plain(const json_byte *p, const json_byte *end, char *out)
{
	size_t n = 0;
	for (; end - (p + n) >= 8; n += 8) {
		uint64_t word = json_load8(p + n);
		uint64_t hits = json_equal8(word, '\\') & ~word & JSON_EACH(0x80);
		memcpy(out + n, p + n, 8);
		if (hits)
			return n + json_first_hit(hits);
	}
	for (; p + n < end && p[n] != '\\'; n++)
		out[n] = (char)p[n];
	return n;
}

int json_decode(struct slice inner, char *out, size_t *ret_n)
{
	const json_byte *p = (const json_byte *)inner.p, *end = p + inner.n;
	size_t n = 0;
	while (p < end) {
		size_t run = copy_plain(p, end, out + n);
		n += run;
		p += run;
		if (p == end)
			break;
		uint32_t character;
		size_t escape = json_escape(p, end, &character);
		if (!escape)
			return -EBADMSG;
		size_t size = utf8_put(character, out + n);
		ASSERT(size <= escape);
		n += size;
		p += escape;
	}
	ASSERT(n <= inner.n);
	*ret_n = n;
	return 0;
}

int json_unquote(struct slice raw, struct buf *out)
{
	if (raw.n < 2 || raw.p[0] != '"' || raw.p[raw.n - 1] != '"')
		return -EBADMSG;
	struct slice inner = { raw.p + 1, raw.n - 2 };
	int error = buf_reserve(out, inner.n);
	if (error || !inner.n)
		return error;
	size_t n;
	error = json_decode(inner, out->p + out->n, &n);
	buf_added(out, error ? 0 : n);
	return error;
}

/* ---- writing ------------------------------------------------------------------------------------ */

/* The end of what can be copied as it is: no quote, backslash, control character, DEL or broken UTF-8. */
static const json_byte *copyable_end(const json_byte *p, const json_byte *end)
{
	while (p < end) {
		p = json_plain_end(p, end, true);
		if (p == end || *p < 0x80)
			return p;
		while (p < end && *p >= 0x80) {
			size_t n = utf8_size(p, end);
			if (!n)
				return p;
			p += n;
		}
	}
	return p;
}

/* How many bytes one U+FFFD stands for. As in jq: a start of a character takes along the bytes that continue it,
 * also when what they make is overlong or a surrogate; every other byte stands alone. (jq also swallows what
 * follows such a start within its length at the end of the text; that would lose valid bytes.) */
static size_t broken_size(const json_byte *p, const json_byte *end)
{
	size_t want = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
		      : (p[0] & 0xf0) == 0xe0        ? 3
		      : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						     : 1;
	size_t n = 1;
	while (n < want && p + n < end && (p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* p is at a byte that copyable_end stopped at. Appends what stands for it and returns the place behind it. */
static const json_byte *put_special(struct buf *out, const json_byte *p, const json_byte *end,
				    int *error)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	if (*p >= 0x80) {
		*error = buf_add(out, S("\xef\xbf\xbd"));
		return p + broken_size(p, end);
	}
	char escape[6] = {
		'\\', 'u', '0', '0', "0123456789abcdef"[*p >> 4], "0123456789abcdef"[*p & 15]
	};
	size_t n = 6;
	if (*p == '"' || *p == '\\' || (*p < 0x20 && letters[*p])) {
		escape[1] = *p < 0x20 ? letters[*p] : (char)*p;
		n = 2;
	}
	*error = buf_add(out, (struct slice){ escape, n });
	return p + 1;
}

int json_quote(struct slice text, struct buf *out)
{
	size_t before = out->n;
	const json_byte *p = (const json_byte *)(text.n ? text.p : ""), *end = p + text.n;
	int error = buf_add_char(out, '"');
	while (!error && p < end) {
		const json_byte *stop = copyable_end(p, end);
		error = buf_add(out, (struct slice){ (const char *)p, (size_t)(stop - p) });
		p = stop;
		if (!error && p < end)
			p = put_special(out, p, end, &error);
	}
	if (!error)
		error = buf_add_char(out, '"');
	if (error)
		buf_truncate(out, before);
	return error;
}
