/* json_write.c - trees and text of our own to text; one value replaced inside a text
 *
 * What this room is for: what leaves. A record is changed by splicing: the old bytes around the new ones.
 * What flows through:    trees, slices of checked text, C values; out comes compact text (splice: as it was).
 * What must hold:
 *  (1) numbers and strings that were read leave as they were written; only what a program made is spelled here.
 *  (2) json_write and json_splice fail whole. A json_writer keeps its first error and adds nothing after it.
 *  (3) no recursion: a tree deeper than JSON_MAX_DEPTH is refused with -EMSGSIZE. */
#include "base/json_text.h"
#include <errno.h>

/* ---- trees ---------------------------------------------------------------------------------------- */

struct frame {
	const struct json *container;
	uint32_t next;
};

static int put_scalar(const struct json *v, struct buf *out)
{
	switch (v->type) {
	case JSON_NULL:
		return buf_add(out, S("null"));
	case JSON_FALSE:
		return buf_add(out, S("false"));
	case JSON_TRUE:
		return buf_add(out, S("true"));
	case JSON_NUMBER:
		ASSERT(v->raw.n > 0); /* a number is its text */
		return buf_add(out, v->raw);
	case JSON_STRING:
		return v->raw.p ? buf_add(out, v->raw) : json_quote(v->string, out);
	default:
		assert_failed("v is a scalar", __FILE__, __LINE__, __func__);
	}
}

/* What stands before item `next` of its container: a comma, a key, or both. */
static int put_lead(const struct frame *f, struct buf *out)
{
	int error = f->next ? buf_add_char(out, ',') : 0;
	if (error || f->container->type == JSON_ARRAY)
		return error;
	error = json_quote(f->container->keys[f->next], out);
	return error ? error : buf_add_char(out, ':');
}

static int write_tree(const struct json *v, struct buf *out)
{
	struct frame frames[JSON_MAX_DEPTH];
	size_t depth = 0;
	for (;;) {
		int error;
		if (v && v->type >= JSON_ARRAY) {
			if (depth == JSON_MAX_DEPTH)
				return -EMSGSIZE;
			frames[depth++] = (struct frame){ v, 0 };
			error = buf_add_char(out, v->type == JSON_OBJECT ? '{' : '[');
		} else {
			error = v ? put_scalar(v, out) : 0;
		}
		if (error || !depth)
			return error;
		struct frame *f = &frames[depth - 1];
		if (f->next < f->container->n) {
			error = put_lead(f, out);
			v = &f->container->items[f->next++];
		} else {
			error = buf_add_char(out, f->container->type == JSON_OBJECT ? '}' : ']');
			depth--;
			v = NULL; /* nothing to write but what follows in the container around it */
		}
		if (error)
			return error;
	}
}

int json_write(const struct json *v, struct buf *out)
{
	size_t before = out->n;
	int error = write_tree(v, out);
	if (error)
		buf_truncate(out, before);
	return error;
}

/* ---- splicing ---------------------------------------------------------------------------------- */

/* Where the new value goes: text[from, to) is replaced; path[made..] does not exist yet. */
struct spot {
	size_t from, to;
	size_t made;
	bool inside; /* path[made] becomes a member of an object that is there ... */
	bool comma;  /* ... and has members */
};

struct member {
	struct slice value;
	const char *end; /* behind the last member of the object, or behind its opening bracket */
	bool found, alone;
};

static struct member find_member(struct slice object, struct slice name)
{
	struct json_iter it = json_iter(object);
	struct member m = { .end = it.p, .alone = true };
	struct slice key, value;
	while (json_next(&it, &key, &value)) {
		m.end = value.p + value.n;
		m.alone = false;
		if (!json_key_is(key, name))
			continue;
		m.value = value;
		m.found = true;
	}
	return m;
}

static int find_spot(struct slice text, const struct slice *path, size_t n, struct spot *ret)
{
	struct slice here = json_trim(text);
	size_t made = 0;
	for (; made < n && !slice_eq(here, S("null")); made++) {
		if (json_type(here) != JSON_OBJECT)
			return -ENOTDIR;
		struct member m = find_member(here, path[made]);
		if (!m.found) {
			size_t at = (size_t)(m.end - text.p);
			*ret = (struct spot){ at, at, made, true, !m.alone };
			return 0;
		}
		here = m.value;
	}
	size_t from = (size_t)(here.p - text.p);
	*ret = (struct spot){ .from = from, .to = from + here.n, .made = made };
	return 0;
}

static int put_member_lead(struct buf *out, const char *before, struct slice key)
{
	int error = buf_add(out, slice_str(before));
	if (!error)
		error = json_quote(key, out);
	return error ? error : buf_add_char(out, ':');
}

/* The value with the objects around it that have to be made. */
static int put_made(struct buf *out, const struct spot *spot, const struct slice *path, size_t n,
		    struct slice value)
{
	int error = 0;
	size_t at = spot->made;
	if (spot->inside)
		error = put_member_lead(out, spot->comma ? "," : "", path[at++]);
	size_t braces = n - at;
	while (!error && at < n)
		error = put_member_lead(out, "{", path[at++]);
	if (!error)
		error = buf_add(out, value);
	while (!error && braces--)
		error = buf_add_char(out, '}');
	return error;
}

int json_splice(struct slice object, const struct slice *path, size_t n, struct slice value,
		struct buf *out)
{
	struct spot spot;
	int error = find_spot(object, path, n, &spot);
	if (error)
		return error;
	value = json_trim(value);
	ASSERT(value.n > 0); /* values are checked JSON; nothing is not */
	size_t before = out->n;
	error = buf_add(out, slice_head(object, spot.from));
	if (!error)
		error = put_made(out, &spot, path, n, value);
	if (!error)
		error = buf_add(out, slice_from(object, spot.to));
	if (error)
		buf_truncate(out, before);
	return error;
}

/* ---- a writer for text of our own ------------------------------------------------------------------ */

struct json_writer json_writer(struct buf *out)
{
	return (struct json_writer){ .out = out };
}

static void put_text(struct json_writer *w, struct slice text)
{
	if (!w->error)
		w->error = buf_add(w->out, text);
}

static void put_comma(struct json_writer *w)
{
	if (w->comma)
		put_text(w, S(","));
	w->comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
	ASSERT(bracket == '{' || bracket == '[');
	put_comma(w);
	put_text(w, (struct slice){ &bracket, 1 });
	w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
	ASSERT(bracket == '}' || bracket == ']');
	put_text(w, (struct slice){ &bracket, 1 });
	w->comma = true;
}

void json_key(struct json_writer *w, const char *key)
{
	json_put_string(w, slice_str(key));
	put_text(w, S(":"));
	w->comma = false;
}

void json_put_string(struct json_writer *w, struct slice text)
{
	put_comma(w);
	if (!w->error)
		w->error = json_quote(text, w->out);
}

void json_put_int(struct json_writer *w, int64_t value)
{
	char digits[20]; /* 19 and a sign */
	size_t at = sizeof(digits);
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		digits[--at] = '-';
	json_put_raw(w, (struct slice){ digits + at, sizeof(digits) - at });
}

void json_put_bool(struct json_writer *w, bool value)
{
	json_put_raw(w, value ? S("true") : S("false"));
}

void json_put_raw(struct json_writer *w, struct slice value)
{
	put_comma(w);
	put_text(w, value);
}

int json_writer_end(struct json_writer *w)
{
	return w->error;
}
