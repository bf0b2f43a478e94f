/* json_tree.c - text to a tree in an arena
 *
 * What this room is for: programs that need random access: jq's native part, templates, plans.
 * What flows through:    text that json_check_count passes first; the tree borrows the text and the arena.
 * What must hold:
 *  (1) the first pass counts all values and members, so that one array for each is allocated, exactly.
 *  (2) the children of one container lie side by side. While a container is open they wait at the low end of
 *      the array; when it closes they move to the high end for good, and the container takes their place:
 *
 *          values: [ waiting ... | free | ... settled ]       waiting + settled <= all values, always
 *
 *  (3) of equal keys the first gives the place and the last the value; finding them is O(n log n) whatever the keys.
 *  (4) no recursion. */
#include "base/hash.h"
#include "base/json_text.h"
#include <errno.h>

struct frame {
	const json_byte *start; /* the opening bracket */
	size_t value, key;      /* where its children begin among the waiting */
	bool object;
};

struct build {
	struct arena *arena;
	const json_byte *end;
	struct json *values;
	struct slice *keys;
	size_t waiting, settled;           /* values: count of the one, first of the other */
	size_t waiting_keys, settled_keys; /* keys: the same */
	size_t depth;
	struct frame frames[JSON_MAX_DEPTH];
};

/* ---- equal keys --------------------------------------------------------------------------------- */

/* Few keys: a 64-bit set of what was seen answers most of them without a comparison. */
static uint32_t unite_few(struct json *items, struct slice *keys, uint32_t n)
{
	uint64_t seen = 0;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct slice key = keys[i];
		size_t sum = key.n;
		if (key.n)
			sum += (json_byte)key.p[0] * 7u + (json_byte)key.p[key.n - 1] * 31u;
		uint64_t bit = UINT64_C(1) << (sum & 63);
		uint32_t same = seen & bit ? 0 : kept;
		while (same < kept && !slice_eq(keys[same], key))
			same++;
		seen |= bit;
		kept += same == kept;
		if (same == i)
			continue;
		keys[same] = key;
		items[same] = items[i];
	}
	return kept;
}

struct place {
	uint64_t hash;
	uint32_t index;
};

/* By hash, then by key, then by place: equal keys come to lie side by side in the order of the text, and
 * keys made to collide cost comparisons, not quadratic time. */
static bool place_before(const struct slice *keys, struct place a, struct place b)
{
	if (a.hash != b.hash)
		return a.hash < b.hash;
	int order = slice_cmp(keys[a.index], keys[b.index]);
	return order ? order < 0 : a.index < b.index;
}

static void merge(const struct slice *keys, const struct place *a, size_t na, const struct place *b,
		  size_t nb, struct place *out)
{
	size_t i = 0, j = 0;
	while (i < na || j < nb) {
		bool first = j == nb || (i < na && place_before(keys, a[i], b[j]));
		*out++ = first ? a[i++] : b[j++];
	}
}

/* Bottom-up merge sort; returns whichever of the two arrays holds the result. */
static struct place *sort_places(const struct slice *keys, struct place *from, struct place *to,
				 size_t n)
{
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t at = 0; at < n; at += 2 * width) {
			size_t na = n - at < width ? n - at : width;
			size_t nb = n - at - na < width ? n - at - na : width;
			merge(keys, from + at, na, from + at + na, nb, to + at);
		}
		struct place *swap = from;
		from = to;
		to = swap;
	}
	return from;
}

static uint32_t unite_many(struct arena *arena, struct json *items, struct slice *keys, uint32_t n)
{
	struct place *places = arena_alloc(arena, (size_t)n * 2 * sizeof(*places));
	for (uint32_t i = 0; i < n; i++)
		places[i] = (struct place){ hash_add(HASH_START, keys[i]), i };
	places = sort_places(keys, places, places + n, n);

	uint32_t dropped = 0;
	for (uint32_t i = 1, first = 0; i < n; i++) {
		uint32_t place = places[first].index, other = places[i].index;
		if (places[i].hash != places[first].hash || !slice_eq(keys[place], keys[other])) {
			first = i;
			continue;
		}
		items[place] = items[other];
		keys[other].p = NULL; /* no key of the text has this, not even "" */
		dropped++;
	}
	if (!dropped)
		return n;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!keys[i].p)
			continue;
		keys[kept] = keys[i];
		items[kept++] = items[i];
	}
	ASSERT(kept == n - dropped);
	return kept;
}

/* ---- building --------------------------------------------------------------------------------- */

static struct json *add_value(struct build *b, enum json_type type, const json_byte *start,
			      const json_byte *end)
{
	ASSERT(b->waiting < b->settled);
	struct json *v = &b->values[b->waiting++];
	*v = (struct json){ .type = type, .raw = { (const char *)start, (size_t)(end - start) } };
	return v;
}

/* The text of the string at p. Checked text: nothing here can fail. */
static const json_byte *read_string(struct build *b, const json_byte *p, struct slice *ret)
{
	bool escaped;
	const json_byte *close = json_string_end(p + 1, b->end, &escaped);
	struct slice inner = { (const char *)p + 1, (size_t)(close - p - 1) };
	*ret = inner;
	if (escaped) {
		char *text = arena_alloc(b->arena, inner.n);
		int error = json_decode(inner, text, &ret->n);
		ASSERT(!error);
		ret->p = text;
	}
	return close + 1;
}

static const json_byte *open_container(struct build *b, const json_byte *p)
{
	ASSERT(b->depth < JSON_MAX_DEPTH);
	b->frames[b->depth++] = (struct frame){ p, b->waiting, b->waiting_keys, *p == '{' };
	return p + 1;
}

static const json_byte *close_container(struct build *b, const json_byte *p)
{
	ASSERT(b->depth > 0);
	const struct frame *f = &b->frames[--b->depth];
	size_t n = b->waiting - f->value;
	b->settled -= n;
	b->waiting = f->value;
	ASSERT(b->waiting < b->settled || n == 0);
	struct json *items = b->values + b->settled;
	memmove(items, b->values + f->value, n * sizeof(*items));

	struct slice *keys = NULL;
	if (f->object) {
		b->settled_keys -= n;
		b->waiting_keys = f->key;
		keys = b->keys + b->settled_keys;
		memmove(keys, b->keys + f->key, n * sizeof(*keys));
		n = n <= 32 ? unite_few(items, keys, (uint32_t)n)
			    : unite_many(b->arena, items, keys, (uint32_t)n);
	}
	struct json *v = add_value(b, f->object ? JSON_OBJECT : JSON_ARRAY, f->start, p + 1);
	v->n = (uint32_t)n;
	v->items = items;
	v->keys = keys;
	return p + 1;
}

static const json_byte *add_scalar(struct build *b, const json_byte *p)
{
	if (*p == '"') {
		struct slice text;
		const json_byte *behind = read_string(b, p, &text);
		add_value(b, JSON_STRING, p, behind)->string = text;
		return behind;
	}
	const json_byte *behind = p + 1;
	while (behind < b->end && *behind != ',' && *behind != '}' && *behind != ']' &&
	       !json_is_blank(*behind))
		behind++;
	add_value(b, json_type((struct slice){ (const char *)p, 1 }), p, behind);
	return behind;
}

static const json_byte *add_key(struct build *b, const json_byte *p)
{
	p = read_string(b, p, &b->keys[b->waiting_keys++]);
	p = json_skip_blanks(p, b->end);
	return json_skip_blanks(p + 1, b->end); /* the colon */
}

/* One closing bracket, or one element or member up to where its container opens or its scalar ends. */
static const json_byte *build_next(struct build *b, const json_byte *p)
{
	if (*p == '}' || *p == ']')
		return close_container(b, p);
	if (*p == ',')
		return p + 1;
	if (b->depth && b->frames[b->depth - 1].object)
		p = add_key(b, p);
	return *p == '{' || *p == '[' ? open_container(b, p) : add_scalar(b, p);
}

int json_parse(struct arena *arena, struct slice text, struct json **ret, struct json_error *err)
{
	struct json_count count;
	int error = json_check_count(text, &count, err);
	if (error)
		return error;
	if (count.values > UINT32_MAX || count.values > SIZE_MAX / sizeof(struct json)) {
		if (err)
			*err = (struct json_error){ 0, "too many values" };
		return -EBADMSG;
	}
	struct build b; /* the frames are not cleared */
	b.arena = arena;
	b.end = (const json_byte *)text.p + text.n;
	b.values = arena_alloc(arena, count.values * sizeof(*b.values));
	b.keys = arena_alloc(arena, count.members * sizeof(*b.keys));
	b.waiting = b.waiting_keys = b.depth = 0;
	b.settled = count.values;
	b.settled_keys = count.members;
	const json_byte *p = (const json_byte *)text.p;
	do {
		p = json_skip_blanks(p, b.end);
		p = build_next(&b, p);
	} while (b.depth);
	ASSERT(b.waiting == 1);
	*ret = b.values;
	return 0;
}

const struct json *json_get(const struct json *object, struct slice key)
{
	if (object->type != JSON_OBJECT)
		return NULL;
	for (uint32_t i = 0; i < object->n; i++)
		if (slice_eq(object->keys[i], key))
			return &object->items[i];
	return NULL;
}
