/* json_scan.c - finding things in checked text without a tree
 *
 * What this room is for: one field out of a record costs one pass over its bytes and no allocation.
 * What flows through:    checked text; what comes out are slices of it, as written.
 * What must hold:
 *  (1) nothing behind the end is read and every loop advances, also on text that nobody checked: there the
 *      scanners find nothing, or something that lies inside the text.
 *  (2) no recursion: skipping a value counts brackets outside strings.
 *  (3) of equal keys the last one is found, so an object is always scanned to its end. */
#include "base/json_text.h"

static const json_byte *bytes(struct slice s)
{
	return (const json_byte *)(s.n ? s.p : "");
}

static struct slice between(const json_byte *start, const json_byte *end)
{
	return (struct slice){ (const char *)start, (size_t)(end - start) };
}

enum json_type json_type(struct slice value)
{
	switch (json_peek(bytes(value), bytes(value) + value.n)) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case '-':
	case '0' ... '9':
		return JSON_NUMBER;
	}
	return JSON_NULL;
}

struct slice json_trim(struct slice value)
{
	return slice_trim(value); /* JSON's blanks are the same four */
}

/* ---- skipping one value ---------------------------------------------------------------------- */

/* The next quote or bracket. '[' and '{', ']' and '}' differ in one bit, so both pairs are found at once. */
static const json_byte *structure_from(const json_byte *p, const json_byte *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t word = json_load8(p), folded = word & JSON_EACH(0x5f);
		uint64_t hits = json_equal8(word, '"') | json_equal8(folded, '[') |
				json_equal8(folded, ']');
		hits &= ~word & JSON_EACH(0x80);
		if (hits)
			return p + json_first_hit(hits);
	}
	while (p < end && *p != '"' && (*p & 0xdf) != '[' && (*p & 0xdf) != ']')
		p++;
	return p;
}

static const json_byte *skip_string(const json_byte *p, const json_byte *end)
{
	bool escaped;
	p = json_string_end(p + 1, end, &escaped);
	return p < end ? p + 1 : end;
}

/* p is at '{' or '['. */
static const json_byte *skip_container(const json_byte *p, const json_byte *end)
{
	size_t depth = 0;
	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
		} else if ((*p & 0xdf) == '[') {
			depth++;
			p++;
		} else if ((*p & 0xdf) == ']') {
			p++;
			if (--depth == 0)
				return p;
		}
		p = structure_from(p, end);
	}
	return end;
}

static const json_byte *skip_value(const json_byte *p, const json_byte *end)
{
	json_byte first = json_peek(p, end);
	if (first == '"')
		return skip_string(p, end);
	if (first == '{' || first == '[')
		return skip_container(p, end);
	while (p < end && *p != ',' && *p != '}' && *p != ']' && !json_is_blank(*p))
		p++;
	return p;
}

/* ---- members and elements -------------------------------------------------------------------- */

struct json_iter json_iter(struct slice container)
{
	const json_byte *end = bytes(container) + container.n;
	const json_byte *p = json_skip_blanks(bytes(container), end);
	json_byte first = json_peek(p, end);
	if (first != '{' && first != '[')
		p = end;
	else
		p++;
	return (struct json_iter){ (const char *)p, (const char *)end, first == '{' };
}

static bool iter_end(struct json_iter *it)
{
	it->p = it->end;
	return false;
}

/* "key" and the colon behind it; NULL: there is none. */
static const json_byte *pass_key(const json_byte *p, const json_byte *end, struct slice *key)
{
	if (json_peek(p, end) != '"')
		return NULL;
	const json_byte *behind = skip_string(p, end);
	*key = between(p, behind);
	p = json_skip_blanks(behind, end);
	if (json_peek(p, end) != ':')
		return NULL;
	return json_skip_blanks(p + 1, end);
}

bool json_next(struct json_iter *it, struct slice *key, struct slice *value)
{
	const json_byte *end = (const json_byte *)it->end;
	const json_byte *p = json_skip_blanks((const json_byte *)it->p, end);
	if (json_peek(p, end) == ',')
		p = json_skip_blanks(p + 1, end);
	*key = (struct slice){ 0 };
	if (it->object) {
		p = pass_key(p, end, key);
		if (!p)
			return iter_end(it);
	}
	const json_byte *behind = skip_value(p, end);
	if (behind == p) /* a closing bracket, or no value where one belongs */
		return iter_end(it);
	*value = between(p, behind);
	it->p = (const char *)behind;
	return true;
}

/* ---- one field, one element ----------------------------------------------------------------- */

/* inner has escapes: it is decoded character by character beside the name. */
static bool escaped_key_is(struct slice inner, struct slice name)
{
	const json_byte *p = bytes(inner), *end = p + inner.n;
	size_t at = 0;
	while (p < end) {
		char character[4] = { (char)*p };
		size_t size = 1, step = 1;
		if (*p == '\\') {
			uint32_t code;
			step = json_escape(p, end, &code);
			if (!step)
				return false;
			size = utf8_put(code, character);
		}
		if (name.n - at < size || memcmp(name.p + at, character, size) != 0)
			return false;
		at += size;
		p += step;
	}
	return at == name.n;
}

bool json_key_is(struct slice raw, struct slice name)
{
	if (raw.n < 2)
		return false;
	struct slice inner = { raw.p + 1, raw.n - 2 };
	if (inner.n < name.n) /* decoding only makes shorter */
		return false;
	if (inner.n == name.n && slice_eq(inner, name))
		return !name.n || !memchr(name.p, '\\', name.n);
	return memchr(inner.p, '\\', inner.n) && escaped_key_is(inner, name);
}

bool json_field(struct slice object, struct slice name, struct slice *ret)
{
	struct json_iter it = json_iter(object);
	struct slice key, value;
	bool found = false;
	if (!it.object)
		return false;
	while (json_next(&it, &key, &value)) {
		if (!json_key_is(key, name))
			continue;
		*ret = value;
		found = true;
	}
	return found;
}

bool json_index(struct slice array, int64_t index, struct slice *ret)
{
	struct json_iter it = json_iter(array);
	struct slice key, value;
	if (it.object)
		return false;
	if (index < 0) {
		struct json_iter counter = it;
		while (json_next(&counter, &key, &value))
			index++;
	}
	while (index >= 0 && json_next(&it, &key, &value)) {
		if (index-- > 0)
			continue;
		*ret = value;
		return true;
	}
	return false;
}
