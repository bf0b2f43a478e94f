/* json.c - fuzz target: base/json.h on any bytes
 *
 * What must hold, for every input:
 *  (1) check, compact and parse give the same verdict; an error's place lies in the text.
 *  (2) compact text is valid and compacting it again changes nothing.
 *  (3) what iteration, fields and elements find lies inside the text, checked or not; they agree with each other.
 *  (4) parse, then write, equals the compact text with equal keys united and keys spelled as json_quote does: the
 *      model here builds that from the scanners alone.
 *  (5) any bytes quoted are a valid string; valid UTF-8 comes back from it unchanged.
 *  (6) a splice makes the field that it set, and leaves every other field as it was. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static bool inside(struct slice part, struct slice whole)
{
	return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static struct buf unquoted(struct slice raw)
{
	struct buf text = { 0 };
	ASSERT(json_unquote(raw, &text) == 0);
	return text;
}

/* ---- (4): the compact text as the scanners see it ------------------------------------------------ */

static bool key_came_before(struct slice object, struct slice key, struct slice name)
{
	struct json_iter it = json_iter(object);
	struct slice earlier, value;
	while (json_next(&it, &earlier, &value) && earlier.p < key.p) {
		AUTO(buf_done) struct buf text = unquoted(earlier);
		if (slice_eq(buf_slice(&text), name))
			return true;
	}
	return false;
}

static void model_write(struct slice value, struct buf *out);

static void model_member(struct slice object, struct slice key, struct buf *out)
{
	AUTO(buf_done) struct buf name = unquoted(key);
	struct slice last;
	if (key_came_before(object, key, buf_slice(&name)))
		return;
	ASSERT(json_field(object, buf_slice(&name), &last));
	if (out->p[out->n - 1] != '{')
		ASSERT(buf_add_char(out, ',') == 0);
	ASSERT(json_quote(buf_slice(&name), out) == 0);
	ASSERT(buf_add_char(out, ':') == 0);
	model_write(last, out);
}

static void model_write(struct slice value, struct buf *out)
{
	enum json_type type = json_type(value);
	if (type != JSON_ARRAY && type != JSON_OBJECT) {
		ASSERT(buf_add(out, value) == 0);
		return;
	}
	struct json_iter it = json_iter(value);
	struct slice key, item;
	ASSERT(it.object == (type == JSON_OBJECT));
	ASSERT(buf_add_char(out, it.object ? '{' : '[') == 0);
	for (int64_t i = 0; json_next(&it, &key, &item); i++) {
		if (it.object) {
			model_member(value, key, out);
			continue;
		}
		struct slice indexed;
		ASSERT(json_index(value, i, &indexed) && indexed.p == item.p &&
		       indexed.n == item.n);
		if (i)
			ASSERT(buf_add_char(out, ',') == 0);
		model_write(item, out);
	}
	ASSERT(buf_add_char(out, type == JSON_OBJECT ? '}' : ']') == 0);
}

/* ---- trees ---------------------------------------------------------------------------------------- */

static void check_tree(const struct json *v, struct slice text)
{
	ASSERT(inside(v->raw, text) && v->raw.n > 0);
	ASSERT(json_type(v->raw) == v->type);
	if (v->type == JSON_STRING) {
		AUTO(buf_done) struct buf want = unquoted(v->raw);
		ASSERT(slice_eq(v->string, buf_slice(&want)));
		ASSERT(utf8_valid(v->string));
	}
	for (uint32_t i = 0; i < v->n; i++) {
		check_tree(&v->items[i], v->raw);
		if (v->type == JSON_OBJECT)
			ASSERT(json_get(v, v->keys[i]) == &v->items[i]);
	}
}

static void check_parsed(struct slice text, struct slice compact, bool valid)
{
	AUTO(arena_freep) struct arena *arena = arena_new();
	AUTO(buf_done) struct buf written = { 0 }, model = { 0 };
	struct json *tree;
	ASSERT((json_parse(arena, text, &tree, NULL) == 0) == valid);
	if (!valid)
		return;
	check_tree(tree, text);
	ASSERT(json_write(tree, &written) == 0);
	model_write(compact, &model);
	ASSERT(slice_eq(buf_slice(&written), buf_slice(&model)));
}

/* ---- scanners, strings, splices --------------------------------------------------------------------- */

static void check_scanners(struct slice text)
{
	struct json_iter it = json_iter(text);
	struct slice key, value, rest = text;
	int64_t n = 0;
	for (; json_next(&it, &key, &value); n++) {
		ASSERT(value.n > 0 && inside(value, rest));
		ASSERT(!key.n || (inside(key, rest) && key.p + key.n <= value.p));
		rest.n -= (size_t)(value.p + value.n - rest.p);
		rest.p = value.p + value.n;
		check_scanners(value);
	}
	ASSERT(!json_next(&it, &key, &value));
	if (json_field(text, S("a"), &value))
		ASSERT(inside(value, text));
	if (!it.object) {
		ASSERT(json_index(text, -1, &value) == (n > 0));
		ASSERT(!json_index(text, n, &value) && !json_index(text, -n - 1, &value));
	}
}

static void check_strings(struct slice text)
{
	AUTO(buf_done) struct buf quoted = { 0 }, back = { 0 }, odd = { 0 };
	ASSERT(json_quote(text, &quoted) == 0);
	ASSERT(json_check(buf_slice(&quoted), NULL) == 0);
	ASSERT(json_unquote(buf_slice(&quoted), &back) == 0);
	ASSERT(utf8_valid(buf_slice(&back)));
	ASSERT(slice_eq(buf_slice(&back), text) == utf8_valid(text));
	if (json_unquote(text, &odd) < 0)
		ASSERT(odd.n == 0);
}

static void check_splice(struct slice object)
{
	struct slice path[] = { S("a"), S("new") };
	AUTO(buf_done) struct buf out = { 0 };
	int error = json_splice(object, path, 2, S("[1.0]"), &out);
	struct slice key, value, after, a = S("null");
	bool through = json_type(json_trim(object)) == JSON_OBJECT;
	if (through && json_field(object, path[0], &a))
		through = json_type(a) == JSON_OBJECT || slice_eq(a, S("null"));
	ASSERT((error == 0) == (through || slice_eq(json_trim(object), S("null"))));
	if (error)
		return;
	ASSERT(json_field(buf_slice(&out), path[0], &value) && json_field(value, path[1], &value));
	ASSERT(slice_eq(value, S("[1.0]")));
	struct json_iter it = json_iter(object);
	while (json_next(&it, &key, &value)) {
		AUTO(buf_done) struct buf name = unquoted(key);
		if (slice_eq(buf_slice(&name), path[0]))
			continue;
		ASSERT(json_field(object, buf_slice(&name), &value));
		ASSERT(json_field(buf_slice(&out), buf_slice(&name), &after));
		ASSERT(slice_eq(value, after));
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct slice text = { n ? (const char *)bytes : "", n };
	AUTO(buf_done) struct buf once = { 0 }, twice = { 0 };
	struct json_error err = { SIZE_MAX, NULL };
	bool valid = json_check(text, &err) == 0;
	ASSERT(valid || (err.offset <= text.n && err.what));
	ASSERT((json_compact(text, &once, NULL) == 0) == valid);
	if (valid) {
		ASSERT(json_check(buf_slice(&once), NULL) == 0);
		ASSERT(json_compact(buf_slice(&once), &twice, NULL) == 0);
		ASSERT(slice_eq(buf_slice(&once), buf_slice(&twice)));
		ASSERT(utf8_valid(text));
		check_splice(text);
	}
	check_parsed(text, buf_slice(&once), valid);
	check_strings(text);
	if (valid ||
	    text.n < 4096) /* it walks each level again; unchecked text may be all brackets */
		check_scanners(text);
	return 0;
}
