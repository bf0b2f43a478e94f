/* difference.c - two versions of a record, told apart
 *
 * What this room is for: to see at a glance what a step did. Both versions are walked together: objects by key, arrays by
 *   index, and what stands in one of them only, or is another value, gets a line with its path as jq would name it.
 * What flows through:    JSON text in, lines out.
 * What must hold:
 *  (1) blanks between tokens, and keys in another order, are no difference. (2) numbers and texts are compared as they are written:
 *  a step that made 1.10 of 1.1 has changed it. (3) a line is as wide as the pen allows: an object that is longer gets a line
 *  for each member, a text ends with dots. (4) below DEEP levels a value is one piece: this runs on the stack of a task. */
#include "cli/difference.h"
#include "base/json.h"
#include "base/units.h"

enum { ITEMS_SHOWN = 5, ROOM_MIN = 24, SIGNS = 4, DEEP = 24 };

struct walk {
	struct pen *pen;
	struct buf path;
	unsigned indent, depth;
	size_t lines;
};

/* ---- values ---- */
static bool get_blob(struct slice value, struct slice *type, struct slice *bytes)
{
	struct slice name;
	*type = *bytes = S("");
	if (json_type(value) != JSON_OBJECT || !json_field(value, S("$blob"), &name))
		return false;
	return json_field(value, S("type"), type) && json_field(value, S("bytes"), bytes);
}

static void put_blob(struct pen *p, struct slice type, struct slice bytes)
{
	int64_t n = 0;
	bool quoted = type.n >= 2 && json_type(type) == JSON_STRING;
	pen_put(p, S("<"));
	pen_data(p, quoted ? (struct slice){ type.p + 1, type.n - 2 } : type, 60);
	if (units_int(json_trim(bytes), &n) == 0 && n >= 0) {
		pen_put(p, S(", "));
		pen_size(p, (uint64_t)n);
	}
	pen_put(p, S(">"));
}

/* What was cut off tells how much it was: "the beginning of it…" (12 KB) */
static void put_text(struct pen *p, struct slice value, size_t most)
{
	bool cut = !p->whole && value.n > most;
	if (!cut) {
		pen_data(p, value, most);
		return;
	}
	pen_data(p, value, most > 12 ? most - 12 : most);
	pen_put(p, S(" ("));
	pen_size(p, value.n);
	pen_put(p, S(")"));
}

void difference_put_value(struct pen *p, struct slice value, size_t most)
{
	struct slice type, bytes;
	value = json_trim(value);
	if (get_blob(value, &type, &bytes))
		put_blob(p, type, bytes);
	else
		put_text(p, value, most);
}

/* ---- paths ---- */
static bool is_plain(struct slice raw)
{
	for (size_t i = 1; i + 1 < raw.n; i++) {
		char c = raw.p[i];
		bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(i > 1 && c >= '0' && c <= '9'))
			return false;
	}
	return raw.n > 2;
}

static size_t enter_key(struct walk *w, struct slice raw)
{
	size_t before = w->path.n;
	w->depth++;
	struct slice key = is_plain(raw) ? (struct slice){ raw.p + 1, raw.n - 2 } : raw;
	int r = buf_add_char(&w->path, '.');
	r = r < 0 ? r : buf_add(&w->path, key);
	w->pen->error = w->pen->error < 0 ? w->pen->error : r;
	return before;
}

static size_t enter_index(struct walk *w, size_t i)
{
	size_t before = w->path.n;
	w->depth++;
	int r = buf_printf(&w->path, "%s[%zu]", before ? "" : ".", i);
	w->pen->error = w->pen->error < 0 ? w->pen->error : r;
	return before;
}

static void leave(struct walk *w, size_t back)
{
	buf_truncate(&w->path, back);
	w->depth--;
}

/* ---- lines ---- */
static size_t room(const struct walk *w)
{
	size_t taken = w->indent + SIGNS + w->path.n;
	size_t left = w->pen->width > taken ? w->pen->width - taken : 0;
	return left > ROOM_MIN ? left : ROOM_MIN;
}

static void begin_line(struct walk *w, char sign, enum ink ink)
{
	pen_printf(w->pen, "%*s", (int)w->indent, "");
	pen_ink(w->pen, ink);
	pen_printf(w->pen, "%c ", sign);
	pen_data(w->pen, w->path.n ? buf_slice(&w->path) : S("."), 200);
	pen_put(w->pen, S("  "));
	w->lines++;
}

static void end_line(struct walk *w)
{
	pen_ink(w->pen, INK_PLAIN);
	pen_put(w->pen, S("\n"));
}

static void put_line(struct walk *w, char sign, enum ink ink, struct slice value)
{
	begin_line(w, sign, ink);
	difference_put_value(w->pen, value, room(w));
	end_line(w);
}

static void put_change(struct walk *w, struct slice before, struct slice after)
{
	begin_line(w, '~', INK_YELLOW);
	size_t half = (room(w) - SIGNS) / 2;
	before = json_trim(before);
	size_t first = before.n < half ? before.n : half;
	difference_put_value(w->pen, before, first);
	pen_put(w->pen, S(" -> "));
	difference_put_value(w->pen, after, 2 * half - first);
	end_line(w);
}

/* ---- what stands in one of them only ---- */
static void add(struct walk *w, struct slice value);

static void add_members(struct walk *w, struct slice value)
{
	struct json_iter it = json_iter(value);
	struct slice key, member;
	while (json_next(&it, &key, &member)) {
		size_t back = enter_key(w, key);
		add(w, member);
		leave(w, back);
	}
}

static size_t count_items(struct slice array)
{
	struct json_iter it = json_iter(array);
	struct slice key, item;
	size_t n = 0;
	while (json_next(&it, &key, &item))
		n++;
	return n;
}

static void put_more(struct walk *w, char sign, enum ink ink, size_t n)
{
	begin_line(w, sign, ink);
	pen_count(w->pen, n);
	pen_put(w->pen, S(" more"));
	end_line(w);
}

static void add_items(struct walk *w, struct slice value, size_t from)
{
	size_t n = count_items(value), i = 0;
	size_t shown = w->pen->whole || n - from <= ITEMS_SHOWN ? n : from + ITEMS_SHOWN;
	struct json_iter it = json_iter(value);
	struct slice key, item;
	for (; i < shown && json_next(&it, &key, &item); i++) {
		size_t back = enter_index(w, i);
		if (i >= from)
			add(w, item);
		leave(w, back);
	}
	if (shown < n)
		put_more(w, '+', INK_GREEN, n - shown);
}

static void add(struct walk *w, struct slice value)
{
	struct slice type, bytes;
	value = json_trim(value);
	bool fits = value.n <= room(w) || w->depth == DEEP || get_blob(value, &type, &bytes);
	if (!fits && json_type(value) == JSON_OBJECT)
		add_members(w, value);
	else if (!fits && json_type(value) == JSON_ARRAY)
		add_items(w, value, 0);
	else
		put_line(w, '+', INK_GREEN, value);
}

/* ---- what stands in both ---- */
static void compare(struct walk *w, struct slice before, struct slice after);

static void compare_objects(struct walk *w, struct slice before, struct slice after)
{
	struct json_iter it = json_iter(before);
	struct slice key, value, other;
	AUTO(buf_done) struct buf name = { 0 };
	while (w->pen->error == 0 && json_next(&it, &key, &value)) {
		size_t back = enter_key(w, key);
		buf_clear(&name);
		if (json_unquote(key, &name) == 0 && json_field(after, buf_slice(&name), &other))
			compare(w, value, other);
		else
			put_line(w, '-', INK_RED, value);
		leave(w, back);
	}
	it = json_iter(after);
	while (w->pen->error == 0 && json_next(&it, &key, &value)) {
		size_t back = enter_key(w, key);
		buf_clear(&name);
		if (json_unquote(key, &name) == 0 && !json_field(before, buf_slice(&name), &other))
			add(w, value);
		leave(w, back);
	}
}

/* Index by index as far as both go; what is behind that was added, or is gone. */
static void compare_arrays(struct walk *w, struct slice before, struct slice after)
{
	struct json_iter a = json_iter(before), b = json_iter(after);
	size_t n = count_items(before), m = count_items(after), both = n < m ? n : m;
	struct slice key, x, y;
	for (size_t i = 0; i < both && json_next(&a, &key, &x) && json_next(&b, &key, &y); i++) {
		size_t back = enter_index(w, i);
		compare(w, x, y);
		leave(w, back);
	}
	if (m > both)
		add_items(w, after, both);
	size_t gone = n - both, i = both;
	for (; i < both + (gone < ITEMS_SHOWN ? gone : ITEMS_SHOWN) && json_next(&a, &key, &x);
	     i++) {
		size_t back = enter_index(w, i);
		put_line(w, '-', INK_RED, x);
		leave(w, back);
	}
	if (i < n)
		put_more(w, '-', INK_RED, n - i);
}

static void compare(struct walk *w, struct slice before, struct slice after)
{
	before = json_trim(before);
	after = json_trim(after);
	enum json_type type = json_type(after);
	if (slice_eq(before, after))
		return;
	if (json_type(before) != type || w->depth == DEEP ||
	    (type != JSON_OBJECT && type != JSON_ARRAY))
		put_change(w, before, after);
	else if (type == JSON_OBJECT)
		compare_objects(w, before, after);
	else
		compare_arrays(w, before, after);
}

size_t difference_put(struct pen *p, unsigned indent, struct slice before, struct slice after)
{
	struct walk w = { .pen = p, .indent = indent };
	compare(&w, before, after);
	buf_done(&w.path);
	return w.lines;
}
