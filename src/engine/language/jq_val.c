/* jq_val.c - values while a program runs: opened by level, compared, grown, written
 *
 * What this room is for: the lazy middle between text and tree. What a program only passes on is never looked into.
 * What flows through:    struct val, by value; what they point to is text of the record or lives in the arena.
 * What must hold:
 *  (1) a value never changes once somebody else can see it. Arrays and objects grow behind the end that their holders know:
 *      the block counts what is used, and only who sees the end may append in place; everybody else copies.
 *  (2) equal keys are folded when an object's text is opened: place of the first, value of the last.
 *  (3) recursion goes as deep as values do: text by JSON_MAX_DEPTH, made parts by the same bound, kept in `depth`. */
#include "engine/language/jq_eval.h"
#include "base/hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* In front of the items of every made array and object. */
struct block {
	_Alignas(16) uint32_t room;
	uint32_t used;
};

const char *val_type_name(const struct val *v)
{
	static const char *const names[] = { "null",   "boolean", "boolean", "number",
					     "string", "array",   "object" };
	return names[v->type];
}

struct slice val_string(struct eval *ev, const struct val *string)
{
	ASSERT(string->type == JSON_STRING);
	if (!string->text)
		return string->s;
	struct slice inner = { string->s.p + 1, string->s.n - 2 };
	if (!inner.n || !memchr(inner.p, '\\', inner.n))
		return inner;
	struct buf *buf = &ev->scratch->buf;
	size_t start = buf->n;
	if (json_unquote(string->s, buf) < 0)
		return inner; /* the buffer's ceiling: writing the value meets it again and fails there */
	inner = arena_copy(ev->arena, buf_since(buf, start));
	buf_truncate(buf, start);
	return inner;
}

/* ---- growing ------------------------------------------------------------------------------------------ */

static struct block *block_of(const struct val *v)
{
	return v->items ? (struct block *)(void *)v->items - 1 : NULL;
}

/* Room for one item behind v's end, in place or in a copy twice as large. */
static int grow(struct eval *ev, struct val *v, bool object)
{
	struct block *block = block_of(v);
	if (block && block->used == v->n && block->used < block->room) {
		block->used++;
		return GO;
	}
	if (v->n >= UINT32_MAX / 4 || eval_room(ev) != GO)
		return RAISED;
	size_t room = v->n < 4 ? 8 : (size_t)v->n * 2;
	block = arena_alloc(
		ev->arena,
		sizeof(*block) + room * (sizeof(struct val) + (object ? sizeof(struct slice) : 0)));
	*block = (struct block){ .room = (uint32_t)room, .used = v->n + 1 };
	struct val *items = (struct val *)(block + 1);
	struct slice *keys = (struct slice *)(items + room);
	if (v->n) {
		memcpy(items, v->items, v->n * sizeof(*items));
		if (object)
			memcpy(keys, v->keys, v->n * sizeof(*keys));
	}
	v->items = items;
	v->keys = object ? keys : NULL;
	return GO;
}

static int deepen(struct eval *ev, struct val *container, const struct val *item)
{
	if (item->type < JSON_ARRAY || item->text)
		return GO;
	if (item->depth + 1 > container->depth)
		container->depth = (uint16_t)(item->depth + 1);
	return container->depth < JSON_MAX_DEPTH
		       ? GO
		       : eval_raise(ev, "the value is nested more than %d deep", JSON_MAX_DEPTH);
}

int val_array_add(struct eval *ev, struct val *array, const struct val *item)
{
	ASSERT(array->type == JSON_ARRAY && !array->text);
	if (grow(ev, array, false) != GO)
		return RAISED;
	array->items[array->n++] = *item;
	return deepen(ev, array, item);
}

static int object_append(struct eval *ev, struct val *object, struct slice key,
			 const struct val *value)
{
	if (grow(ev, object, true) != GO)
		return RAISED;
	object->keys[object->n] = key;
	object->items[object->n++] = *value;
	return deepen(ev, object, value);
}

static size_t key_at(const struct val *object, struct slice key)
{
	for (size_t i = 0; i < object->n; i++)
		if (slice_eq(object->keys[i], key))
			return i;
	return SIZE_MAX;
}

int val_object_set(struct eval *ev, struct val *object, struct slice key, const struct val *value)
{
	ASSERT(object->type == JSON_OBJECT && !object->text);
	size_t at = key_at(object, key);
	if (at == SIZE_MAX)
		return object_append(ev, object, key, value);
	struct val copy = { .type = JSON_OBJECT, .depth = object->depth };
	for (size_t i = 0; i < object->n; i++)
		if (object_append(ev, &copy, object->keys[i],
				  i == at ? value : &object->items[i]) != GO)
			return RAISED;
	*object = copy;
	return GO;
}

/* ---- opening text ---------------------------------------------------------------------------------------- */

static int open_array(struct eval *ev, struct val *v)
{
	struct val made = { .type = JSON_ARRAY };
	struct json_iter it = json_iter(v->s);
	struct slice key, value;
	while (json_next(&it, &key, &value)) {
		struct val item = val_text(value);
		if (val_array_add(ev, &made, &item) != GO)
			return RAISED;
	}
	*v = made;
	return GO;
}

/* Where a key stands in the table of positions + 1, or the free place for it. */
static uint32_t *table_find(uint32_t *table, size_t mask, const struct val *object,
			    struct slice key)
{
	size_t at = (size_t)hash_end(hash_add(HASH_START, key)) & mask;
	while (table[at] && !slice_eq(object->keys[table[at] - 1], key))
		at = (at + 1) & mask;
	return &table[at];
}

static int open_large_object(struct eval *ev, struct val *v, size_t members)
{
	size_t size = 64;
	while (size < members * 2)
		size *= 2;
	uint32_t *table = arena_zero(ev->arena, size * sizeof(*table));
	struct val made = { .type = JSON_OBJECT };
	struct json_iter it = json_iter(v->s);
	struct slice raw, value;
	while (json_next(&it, &raw, &value)) {
		struct val quoted = val_text(raw), item = val_text(value);
		struct slice key = val_string(ev, &quoted);
		uint32_t *place = table_find(table, size - 1, &made, key);
		if (*place)
			made.items[*place - 1] = item; /* nobody has seen it yet */
		else if (object_append(ev, &made, key, &item) != GO)
			return RAISED;
		else
			*place = made.n;
	}
	*v = made;
	return GO;
}

static int open_object(struct eval *ev, struct val *v)
{
	enum { SMALL = 24 };
	struct val made = { .type = JSON_OBJECT };
	struct json_iter it = json_iter(v->s);
	struct slice raw, value;
	size_t members = 0;
	for (struct json_iter count = it; json_next(&count, &raw, &value);)
		members++;
	if (members > SMALL)
		return open_large_object(ev, v, members);
	while (json_next(&it, &raw, &value)) {
		struct val quoted = val_text(raw), item = val_text(value);
		struct slice key = val_string(ev, &quoted);
		size_t at = key_at(&made, key);
		if (at != SIZE_MAX)
			made.items[at] = item;
		else if (object_append(ev, &made, key, &item) != GO)
			return RAISED;
	}
	*v = made;
	return GO;
}

int val_open(struct eval *ev, struct val *container)
{
	ASSERT(container->type >= JSON_ARRAY);
	if (!container->text)
		return GO;
	return container->type == JSON_ARRAY ? open_array(ev, container)
					     : open_object(ev, container);
}

int val_get(struct eval *ev, const struct val *object, struct slice key, struct val *ret,
	    bool *found)
{
	ASSERT(object->type == JSON_OBJECT);
	*found = false;
	*ret = VAL_NULL;
	if (object->text) {
		struct slice value;
		*found = json_field(object->s, key, &value);
		if (*found)
			*ret = val_text(value);
		return GO;
	}
	size_t at = key_at(object, key);
	*found = at != SIZE_MAX;
	if (*found)
		*ret = object->items[at];
	return GO;
}

size_t val_count(struct eval *ev, const struct val *container)
{
	struct val opened = *container;
	if (container->type == JSON_ARRAY && container->text) {
		struct json_iter it = json_iter(container->s);
		struct slice key, value;
		size_t n = 0;
		while (json_next(&it, &key, &value))
			n++;
		return n;
	}
	return val_open(ev, &opened) == GO ? opened.n : 0;
}

/* ---- comparing ------------------------------------------------------------------------------------------- */

static int compare_strings(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;
	return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int compare_keys(const void *a, const void *b)
{
	return compare_strings(**(struct slice *const *)a, **(struct slice *const *)b);
}

static int compare_arrays(struct eval *ev, const struct val *a, const struct val *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		int order = val_compare(ev, &a->items[i], &b->items[i]);
		if (order)
			return order;
	}
	return a->n < b->n ? -1 : a->n > b->n;
}

static struct slice **sorted_keys(struct eval *ev, const struct val *object)
{
	struct slice **keys = arena_alloc(ev->arena, object->n * sizeof(*keys));
	for (size_t i = 0; i < object->n; i++)
		keys[i] = &object->keys[i];
	if (object->n)
		qsort(keys, object->n, sizeof(*keys), compare_keys);
	return keys;
}

/* First the sorted lists of keys, as arrays; then the values in the order of the sorted keys. */
static int compare_objects(struct eval *ev, const struct val *a, const struct val *b)
{
	struct slice **in_a = sorted_keys(ev, a), **in_b = sorted_keys(ev, b);
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		int order = compare_strings(*in_a[i], *in_b[i]);
		if (order)
			return order;
	}
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (size_t i = 0; i < a->n; i++) {
		int order =
			val_compare(ev, &a->items[in_a[i] - a->keys], &b->items[in_b[i] - b->keys]);
		if (order)
			return order;
	}
	return 0;
}

int val_compare(struct eval *ev, const struct val *a, const struct val *b)
{
	if (a->type != b->type)
		return (int)a->type - (int)b->type;
	if (a->type == JSON_NUMBER)
		return number_compare(a, b);
	if (a->type == JSON_STRING)
		return compare_strings(val_string(ev, a), val_string(ev, b));
	if (a->type < JSON_STRING)
		return 0;
	if (a->text && b->text && slice_eq(a->s, b->s))
		return 0;
	struct val x = *a, y = *b;
	if (val_open(ev, &x) != GO || val_open(ev, &y) != GO)
		return 0; /* out of room: the evaluation has failed already */
	return x.type == JSON_ARRAY ? compare_arrays(ev, &x, &y) : compare_objects(ev, &x, &y);
}

bool val_equal(struct eval *ev, const struct val *a, const struct val *b)
{
	if (a->type == JSON_NUMBER && b->type == JSON_NUMBER) {
		double x = val_number(a), y = val_number(b);
		if (x != x || y != y)
			return false;
	}
	return val_compare(ev, a, b) == 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static int write_container(struct eval *ev, const struct val *v, bool plain, struct buf *out)
{
	bool object = v->type == JSON_OBJECT;
	int error = buf_add_char(out, object ? '{' : '[');
	for (size_t i = 0; i < v->n && !error; i++) {
		if (i)
			error = buf_add_char(out, ',');
		if (object && !error)
			error = json_quote(v->keys[i], out);
		if (object && !error)
			error = buf_add_char(out, ':');
		if (!error)
			error = val_write(ev, &v->items[i], plain, out);
	}
	return error ? error : buf_add_char(out, object ? '}' : ']');
}

int val_write(struct eval *ev, const struct val *v, bool plain, struct buf *out)
{
	struct val opened = *v;
	if (v->text && !(plain && v->type >= JSON_STRING))
		return buf_add(out, v->s);
	switch (v->type) {
	case JSON_NULL:
		return buf_add(out, S("null"));
	case JSON_FALSE:
		return buf_add(out, S("false"));
	case JSON_TRUE:
		return buf_add(out, S("true"));
	case JSON_NUMBER:
		return number_put(v->number, out);
	case JSON_STRING:
		return json_quote(val_string(ev, v), out);
	}
	if (val_open(ev, &opened) != GO)
		return -EMSGSIZE;
	return write_container(ev, &opened, plain, out);
}

struct slice val_shown(struct eval *ev, const struct val *v, size_t room)
{
	struct buf *buf = &ev->scratch->buf;
	size_t start = buf->n;
	if (val_write(ev, v, true, buf) < 0)
		return S("...");
	struct slice text = buf_since(buf, start);
	if (text.n < room)
		text = arena_copy(ev->arena, text);
	else
		text = slice_str(
			arena_printf(ev->arena, "%.*s...", SLICE(utf8_head(text, room - 4))));
	buf_truncate(buf, start);
	return text;
}
