/* json_check.c - is this text JSON, and the same text without blanks
 *
 * What this room is for: the gate. What has passed it is JSON for every file behind it.
 * What flows through:    bytes once, left to right; json_compact copies them in a second, simpler pass.
 * What must hold:
 *  (1) RFC 8259 as written: no comment, no trailing comma, no NaN, no leading zero, no byte order mark, no raw control
 *      character; UTF-8 is valid and an escaped surrogate has its other half.
 *  (2) no recursion: open brackets are a stack of their closing brackets, at most JSON_MAX_DEPTH high. Fibers have
 *      small stacks, and the depth is decided by whoever sends the text.
 *  (3) the offset of an error is the first byte that no valid text could have there; the end of the text counts.
 *
 *            value -> [scalar] ------------------+
 *              ^  \-> '{' or '[' -> empty: ------+-> after a value: ',' -> (key ':') -> value
 *              |         \-> (key ':') -> value  |                  closing bracket -> after a value
 *              +---------------------------------+                  depth 0 -> the end of the text */
#include "base/json_text.h"
#include <errno.h>

struct check {
	const json_byte *end;
	const json_byte *stopped; /* on error: where ... */
	const char *what;         /* ... and why */
	struct json_count count;
	size_t depth;
	json_byte close[JSON_MAX_DEPTH +
			1]; /* close[depth] ends the innermost container; close[0] is unused */
};

/* All check_ functions return the place behind what they read, or NULL after this. */
static const json_byte *refuse(struct check *c, const json_byte *at, const char *what)
{
	c->stopped = at;
	c->what = what;
	return NULL;
}

static inline const json_byte *pass_blanks(struct check *c, const json_byte *p)
{
	const json_byte *behind = json_skip_blanks(p, c->end);
	c->count.blanks += (size_t)(behind - p);
	return behind;
}

static const json_byte *check_characters(struct check *c, const json_byte *p)
{
	while (p < c->end && *p >= 0x80) {
		size_t n = utf8_size(p, c->end);
		if (!n)
			return refuse(c, p, "invalid UTF-8");
		p += n;
	}
	return p;
}

static const json_byte *check_escape(struct check *c, const json_byte *p)
{
	uint32_t character;
	size_t n = json_escape(p, c->end, &character);
	if (!n)
		return refuse(c, p, "invalid escape");
	return p + n;
}

/* p is at the opening quote. */
static const json_byte *check_string(struct check *c, const json_byte *p)
{
	p++;
	while (p) {
		p = json_plain_end(p, c->end, false);
		if (p == c->end)
			return refuse(c, p, "string is not closed");
		if (*p == '"')
			return p + 1;
		if (*p >= 0x80)
			p = check_characters(c, p);
		else if (*p == '\\')
			p = check_escape(c, p);
		else
			return refuse(c, p, "control character in a string");
	}
	return NULL;
}

static inline bool is_digit(json_byte b)
{
	return (json_byte)(b - '0') < 10;
}

static inline const json_byte *check_digits(struct check *c, const json_byte *p)
{
	if (!is_digit(json_peek(p, c->end)))
		return refuse(c, p, "expected a digit");
	do
		p++;
	while (p < c->end && is_digit(*p));
	return p;
}

static const json_byte *check_number(struct check *c, const json_byte *p)
{
	if (*p == '-')
		p++;
	p = json_peek(p, c->end) == '0' ? p + 1 : check_digits(c, p);
	if (p && json_peek(p, c->end) == '.')
		p = check_digits(c, p + 1);
	if (!p || (json_peek(p, c->end) | 0x20) != 'e')
		return p;
	p++;
	json_byte sign = json_peek(p, c->end);
	return check_digits(c, sign == '-' || sign == '+' ? p + 1 : p);
}

static const json_byte *check_word(struct check *c, const json_byte *p, struct slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (json_peek(p + i, c->end) != (json_byte)word.p[i])
			return refuse(c, p + i, "expected a value");
	return p + word.n;
}

/* "key": and the blanks around its parts. Stops before the value. */
static const json_byte *check_key(struct check *c, const json_byte *p)
{
	p = pass_blanks(c, p);
	if (json_peek(p, c->end) != '"')
		return refuse(c, p, "expected a key in quotes");
	p = check_string(c, p);
	if (!p)
		return NULL;
	p = pass_blanks(c, p);
	if (json_peek(p, c->end) != ':')
		return refuse(c, p, "expected ':'");
	c->count.members++;
	return pass_blanks(c, p + 1);
}

/* p is at '{' or '['. An empty container is passed whole; otherwise it stops before the first value. */
static const json_byte *check_open(struct check *c, const json_byte *p, bool *opened)
{
	json_byte close = *p == '{' ? '}' : ']';
	*opened = false;
	if (c->depth == JSON_MAX_DEPTH)
		return refuse(c, p, "nested too deep");
	p = pass_blanks(c, p + 1);
	if (json_peek(p, c->end) == close)
		return p + 1;
	*opened = true;
	c->close[++c->depth] = close;
	return close == '}' ? check_key(c, p) : p;
}

static const json_byte *check_value(struct check *c, const json_byte *p, bool *opened)
{
	c->count.values++;
	*opened = false;
	switch (json_peek(p, c->end)) {
	case '"':
		return check_string(c, p);
	case '{':
	case '[':
		return check_open(c, p, opened);
	case 't':
		return check_word(c, p, S("true"));
	case 'f':
		return check_word(c, p, S("false"));
	case 'n':
		return check_word(c, p, S("null"));
	case '-':
	case '0' ... '9':
		return check_number(c, p);
	}
	return refuse(c, p, "expected a value");
}

/* p is behind a value. Stops before the next one, or at the end of the text with depth 0. */
static const json_byte *check_after_value(struct check *c, const json_byte *p)
{
	p = pass_blanks(c, p);
	while (c->depth && json_peek(p, c->end) == c->close[c->depth]) {
		c->depth--;
		p = pass_blanks(c, p + 1);
	}
	if (!c->depth)
		return p == c->end ? p : refuse(c, p, "text behind the value");
	bool object = c->close[c->depth] == '}';
	if (json_peek(p, c->end) != ',')
		return refuse(c, p, object ? "expected ',' or '}'" : "expected ',' or ']'");
	return object ? check_key(c, p + 1) : pass_blanks(c, p + 1);
}

static const json_byte *check_text(struct check *c, const json_byte *p)
{
	p = pass_blanks(c, p);
	do {
		bool opened = true;
		while (p && opened)
			p = check_value(c, p, &opened);
		if (p)
			p = check_after_value(c, p);
	} while (p && c->depth);
	return p;
}

int json_check_count(struct slice text, struct json_count *ret, struct json_error *err)
{
	const json_byte *start = (const json_byte *)(text.n ? text.p : "");
	struct check c; /* the stack is not cleared: what is used of it is written first */
	c.end = start + text.n;
	c.depth = 0;
	c.count = (struct json_count){ 0 };
	if (!check_text(&c, start)) {
		ASSERT(c.stopped >= start && c.stopped <= c.end);
		if (err)
			*err = (struct json_error){ (size_t)(c.stopped - start), c.what };
		return -EBADMSG;
	}
	*ret = c.count;
	return 0;
}

int json_check(struct slice text, struct json_error *ret)
{
	struct json_count count;
	return json_check_count(text, &count, ret);
}

/* Copies checked text without its blanks; those inside strings are passed over with their strings. A byte is
 * always written and then kept or not: blanks come in runs that no branch predictor foresees. Those behind the
 * last token are written where the buffer's closing 0 will stand. */
static size_t copy_tokens(const json_byte *p, const json_byte *end, char *out)
{
	size_t n = 0;
	while (p < end) {
		json_byte c = *p;
		if (c != '"') {
			out[n] = (char)c;
			n += !json_is_blank(c);
			p++;
			continue;
		}
		bool escaped;
		const json_byte *behind = json_string_end(p + 1, end, &escaped) + 1;
		memcpy(out + n, p, (size_t)(behind - p));
		n += (size_t)(behind - p);
		p = behind;
	}
	return n;
}

int json_compact(struct slice text, struct buf *out, struct json_error *ret)
{
	struct json_count count;
	int error = json_check_count(text, &count, ret);
	if (error)
		return error;
	if (!count.blanks)
		return buf_add(out, text);
	error = buf_reserve(out, text.n - count.blanks);
	if (error)
		return error;
	const json_byte *start = (const json_byte *)text.p;
	size_t n = copy_tokens(start, start + text.n, out->p + out->n);
	ASSERT(n == text.n - count.blanks);
	buf_added(out, n);
	return 0;
}
