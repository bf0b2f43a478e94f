/* node.c - questions to the tree of a pipeline file
 *
 * What this room is for: what a node is in words, what it is as JSON, and where a piece of its text stands.
 * What flows through:    nodes, borrowed; offsets into their text become offsets into the file, so that a mistake
 *   in a jq program gets its caret under the wrong character and not under the key.
 * What must hold:
 *  (1) a place that is not certain is the scalar's start: never a wrong one.
 *  (2) JSON made here has the number that is written, digit for digit; what JSON cannot say is refused. */
#include "base/json.h"
#include "engine/plan/yaml.h"

#include <errno.h>

#include "base/banned.h"

const char *node_kind_name(const struct node *node)
{
	ASSERT(node->kind <= NODE_MAP);
	static const char *const names[] = {
		[NODE_NULL] = "nothing",   [NODE_BOOL] = "true or false", [NODE_INT] = "a number",
		[NODE_FLOAT] = "a number", [NODE_STRING] = "text",        [NODE_LIST] = "a list",
		[NODE_MAP] = "a mapping",
	};
	return names[node->kind];
}

static size_t find(const struct node *map, const char *key)
{
	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
		if (slice_eq_str(map->keys[i].text, key))
			return i;
	return SIZE_MAX;
}

struct node *node_get(const struct node *map, const char *key)
{
	size_t i = find(map, key);
	return i == SIZE_MAX ? NULL : &map->items[i];
}

struct node *node_key(const struct node *map, const char *key)
{
	size_t i = find(map, key);
	return i == SIZE_MAX ? NULL : &map->keys[i];
}

bool node_empty(const struct node *node)
{
	return node->kind == NODE_NULL && node->text.n == 0;
}

/* ---- places ------------------------------------------------------------------------------------------ */

/* A literal block's lines stand in the file behind their indentation. Walks both until offset is reached. */
static bool locate_in_block(const struct node *node, struct slice file, size_t offset, size_t *ret)
{
	size_t at = node->at, done = 0;

	while (at > 0 && file.p[at - 1] != '\n')
		at--;
	for (struct slice rest = slice_from(file, at), text = node->text, raw, line; text.n > 0;) {
		const char *raw_start = rest.p;
		slice_cut(rest, '\n', &raw, &rest);
		slice_cut(text, '\n', &line, &text);
		if (raw.n > 0 && raw.p[raw.n - 1] == '\r')
			raw.n--;
		if (!slice_ends(raw, line))
			return false;
		if (offset <= done + line.n) {
			*ret = (size_t)(raw_start - file.p) + raw.n - line.n + (offset - done);
			return true;
		}
		done += line.n + 1;
	}
	return false;
}

/* In single quotes '' stands for one quote; everything else as it is, while the text is on one line. */
static size_t locate_in_quotes(struct slice raw, size_t offset)
{
	size_t i = 0;
	for (; i < raw.n && offset > 0; offset--)
		i += raw.p[i] == '\'' ? 2 : 1;
	return i < raw.n ? i : raw.n;
}

static bool locate(const struct node *node, struct slice file, size_t offset, size_t *ret)
{
	struct slice raw = { file.p + node->at, node->length };

	if (node->style == STYLE_LITERAL)
		return locate_in_block(node, file, offset, ret);
	if (slice_eq(raw, node->text)) {
		*ret = node->at + offset;
		return true;
	}
	if (node->style != STYLE_SINGLE || (raw.n && memchr(raw.p, '\n', raw.n)))
		return false;
	*ret = node->at + locate_in_quotes(raw, offset);
	return true;
}

void node_locate(const struct node *node, struct slice file, size_t offset, size_t length,
		 size_t *ret_at, size_t *ret_length)
{
	size_t end;

	ASSERT(node->at + node->length <= file.n);
	ASSERT(node->kind < NODE_LIST);
	if (offset > node->text.n)
		offset = node->text.n;
	if (length > node->text.n - offset)
		length = node->text.n - offset;
	if (!locate(node, file, offset, ret_at)) {
		*ret_at = node->at;
		*ret_length = node->length;
		return;
	}
	*ret_length =
		locate(node, file, offset + length, &end) && end > *ret_at ? end - *ret_at : 0;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

/* 0x1F and 0o17: JSON has decimal only. */
static int put_based(struct slice digits, unsigned base, bool negative, struct buf *out)
{
	uint64_t value = 0;
	for (size_t i = 0; i < digits.n; i++) {
		char c = digits.p[i];
		unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -EINVAL;
	}
	return buf_printf(out, "%s%llu", negative ? "-" : "", (unsigned long long)value);
}

/* A decimal number of the core schema as JSON writes it: a digit on both sides of the point, no plus sign. */
static int put_number(struct slice text, struct buf *out)
{
	ASSERT(text.n > 0);
	bool negative = text.p[0] == '-';
	struct slice s = slice_from(text, negative || text.p[0] == '+'), whole, part;

	if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'o'))
		return put_based(slice_from(s, 2), s.p[1] == 'x' ? 16 : 8, negative, out);
	bool point = slice_cut(s, '.', &whole, &part);
	bool zeros = whole.n > 1 && whole.p[0] == '0' && whole.p[1] >= '0' && whole.p[1] <= '9';
	bool no_number =
		point && part.n > 0 &&
		(part.p[0] == 'i' || part.p[0] == 'I' || part.p[0] == 'n' || part.p[0] == 'N');
	if (zeros || no_number)
		return -EINVAL;
	int r = buf_printf(out, "%s%.*s", negative ? "-" : "", SLICE(whole));
	if (r == 0 && whole.n == 0)
		r = buf_add_char(out, '0');
	if (r == 0 && point)
		r = buf_add(out,
			    part.n > 0 && part.p[0] >= '0' && part.p[0] <= '9' ? S(".") : S(".0"));
	return r < 0 ? r : buf_add(out, part);
}

static int put_scalar(const struct node *node, struct buf *out, const struct node **bad)
{
	int r;

	if (node->kind == NODE_NULL)
		return buf_add(out, S("null"));
	if (node->kind == NODE_BOOL)
		return buf_add(out, (node->text.p[0] | 0x20) == 't' ? S("true") : S("false"));
	if (node->kind == NODE_STRING)
		return json_quote(node->text, out);
	r = put_number(node->text, out);
	if (r == -EINVAL)
		*bad = node;
	return r;
}

/* As deep as the tree, which YAML_MAX_DEPTH bounds. */
int node_json(const struct node *node, struct buf *out, const struct node **bad)
{
	bool map = node->kind == NODE_MAP;
	int r;

	if (!map && node->kind != NODE_LIST)
		return put_scalar(node, out, bad);
	r = buf_add_char(out, map ? '{' : '[');
	for (size_t i = 0; i < node->n && r == 0; i++) {
		if (i > 0)
			r = buf_add_char(out, ',');
		if (r == 0 && map)
			r = json_quote(node->keys[i].text, out);
		if (r == 0 && map)
			r = buf_add_char(out, ':');
		if (r == 0)
			r = node_json(&node->items[i], out, bad);
	}
	return r < 0 ? r : buf_add_char(out, map ? '}' : ']');
}
