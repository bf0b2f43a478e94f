/* json_text.h - what the json_*.c files know together: bytes, blanks, the ends of strings
 *
 * What this room is for: the inner loops. They look at eight bytes at a time where strings are, because most
 *   of a record is strings. For base's own use: nothing outside src/base/json_*.c includes it.
 * What must hold: nothing is read at or behind `end`, on any bytes. */
#pragma once
#include "base/json.h"
#include <string.h>

typedef unsigned char json_byte; /* char may be signed; text is compared unsigned throughout */

/* What one pass of checking learns, so that a second pass can allocate exactly. */
struct json_count {
	size_t blanks;  /* bytes of blanks between tokens */
	size_t values;  /* with the outermost */
	size_t members; /* of all objects */
};

/* json_check that also counts. */
MUST int json_check_count(struct slice text, struct json_count *ret, struct json_error *err);

/* inner: a string without its quotes. Decodes it to out, which has room for inner.n bytes (the decoded text is
 * never longer). -EBADMSG: an escape is broken (cannot happen in checked text). */
MUST int json_decode(struct slice inner, char *out, size_t *ret_n);

/* Is this the key? raw: as written, with quotes; name: plain. */
bool json_key_is(struct slice raw, struct slice name);

/* p is at a backslash. Bytes of the escape, 0 when it is broken; *ret is its character. */
size_t json_escape(const json_byte *p, const json_byte *end, uint32_t *ret);

static inline bool json_is_blank(json_byte c)
{
	return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

static inline const json_byte *json_skip_blanks(const json_byte *p, const json_byte *end)
{
	while (p < end && json_is_blank(*p))
		p++;
	return p;
}

/* The byte at p, or 0 at the end: 0 stands nowhere in JSON. */
static inline json_byte json_peek(const json_byte *p, const json_byte *end)
{
	return p < end ? *p : 0;
}

/* ---- eight bytes at a time -------------------------------------------------------------------
 * A byte of a "hits" word has its top bit set when that byte of the text was found. Subtraction borrows into
 * later bytes only behind a true hit, so the first hit is exact, and only the first is used. */

#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first byte of the text is the lowest of the word. */
static inline uint64_t json_load8(const json_byte *p)
{
	uint64_t word;
	memcpy(&word, p, 8);
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word) : word;
}

/* Hits for one byte below 0x80; bytes of the text above it may also hit: mask them out or want them. */
static inline uint64_t json_equal8(uint64_t word, json_byte c)
{
	return (word ^ JSON_EACH(c)) - JSON_EACH(1);
}

static inline size_t json_first_hit(uint64_t hits)
{
	return (size_t)__builtin_ctzll(hits) >> 3;
}

static inline bool json_is_plain(json_byte c, bool del)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && !(del && c == 0x7f);
}

/* The first quote, backslash, control character or byte that is not ASCII; end when there is none. DEL is
 * allowed in JSON, but jq writes it as an escape: `del` (a constant at each call) stops there too. */
static inline const json_byte *json_plain_end(const json_byte *p, const json_byte *end, bool del)
{
	for (; end - p >= 8; p += 8) {
		uint64_t word = json_load8(p);
		uint64_t hits = json_equal8(word, '"') | json_equal8(word, '\\') |
				(word - JSON_EACH(0x20)) | word;
		if (del)
			hits |= json_equal8(word, 0x7f);
		hits &= JSON_EACH(0x80);
		if (hits)
			return p + json_first_hit(hits);
	}
	while (p < end && json_is_plain(*p, del))
		p++;
	return p;
}

/* The first quote or backslash; end when there is none. */
static inline const json_byte *json_quote_or_escape(const json_byte *p, const json_byte *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t word = json_load8(p);
		uint64_t hits = (json_equal8(word, '"') | json_equal8(word, '\\')) & ~word &
				JSON_EACH(0x80);
		if (hits)
			return p + json_first_hit(hits);
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* p is behind a string's opening quote. Returns its closing quote, or end. *escaped: a backslash was seen. */
static inline const json_byte *json_string_end(const json_byte *p, const json_byte *end,
					       bool *escaped)
{
	*escaped = false;
	p = json_quote_or_escape(p, end);
	while (p < end && *p == '\\') {
		*escaped = true;
		p += end - p >= 2 ? 2 : 1; /* the backslash and what it escapes */
		p = json_quote_or_escape(p, end);
	}
	return p;
}
