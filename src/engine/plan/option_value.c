/* option_value.c - scalars: text, paths, numbers, durations, sizes, words, fields
 *
 * What this room is for: one function for each type that holds no program. The units are base/units.h's; here they get
 *   their mistakes: what was wanted, what stands there, what was probably meant.
 * What flows through:    one node in, one C value at `at`.
 * What must hold:
 *  (1) nothing is guessed: `timeout: 30` is a mistake with a proposal, not 30 of something.
 *  (2) text is what stands in the file, also when YAML would call it a number or true: a table may be called 2024. */
#include "base/json.h"
#include "engine/plan/options.h"

#include <errno.h>

#include "base/banned.h"

bool option_refuse(struct planner *p, const struct node *node, const char *hint, const char *fmt,
		   ...)
{
	AUTO(buf_done) struct buf text = { .max = 1024 };
	va_list ap;

	va_start(ap, fmt);
	int r = buf_vprintf(&text, fmt, ap);
	va_end(ap);
	diag_add(p->diag, node->at, node->length, hint, "%s", r == 0 ? text.p : fmt);
	return false;
}

bool option_refuse_kind(struct planner *p, const struct opt *o, const struct node *node,
			const char *wants)
{
	if (node->kind >= NODE_LIST)
		return option_refuse(p, node, node == p->inside ? p->beside : NULL,
				     "'%s' wants %s, not %s", o->name, wants, node_kind_name(node));
	return option_refuse(p, node, NULL, "'%s' wants %s, not '%.*s'", o->name, wants,
			     SHOWN(node->text));
}

static bool is_scalar(const struct node *node)
{
	return node->kind != NODE_LIST && node->kind != NODE_MAP;
}

/* ---- text ------------------------------------------------------------------------------------------------ */

static bool parse_string(struct planner *p, const struct opt *o, const struct node *node,
			 const char **ret)
{
	if (!is_scalar(node))
		return option_refuse_kind(p, o, node, "text");
	*ret = arena_str(p->arena, node->text);
	return true;
}

static bool parse_path(struct planner *p, const struct opt *o, const struct node *node,
		       const char **ret)
{
	if (!is_scalar(node))
		return option_refuse_kind(p, o, node, "a path");
	if (slice_eq(node->text, S("-")))
		return option_refuse(p, node, "write 'from: stdin' or 'to: stdout'",
				     "'-' is not a file here");
	if (node->text.n == 0)
		return option_refuse(p, node, NULL, "'%s' wants a path, not empty text", o->name);
	if (node->text.p[0] == '/')
		return *ret = arena_str(p->arena, node->text), true;
	ASSERT(p->folder[0] == '/');
	bool root = strcmp(p->folder, "/") == 0;
	*ret = arena_printf(p->arena, "%s/%.*s", root ? "" : p->folder, SLICE(node->text));
	return true;
}

static bool parse_bool(struct planner *p, const struct opt *o, const struct node *node, bool *ret)
{
	static const char *const words[] = { "yes", "on", "no", "off" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_nocase(node->text, slice_str(words[i])))
			return option_refuse(p, node, i < 2 ? "write true" : "write false",
					     "'%s' is text in YAML 1.2", words[i]);
	if (node->kind != NODE_BOOL)
		return option_refuse_kind(p, o, node, "true or false");
	*ret = (node->text.p[0] | 0x20) == 't';
	return true;
}

static bool parse_enum(struct planner *p, const struct opt *o, const struct node *node, int *ret)
{
	AUTO(buf_done) struct buf list = { .max = 1024 };
	char hint[120];
	size_t n = 0;
	int r = 0;

	ASSERT(o->words && o->words[0]);
	if (!is_scalar(node))
		return option_refuse_kind(p, o, node, "one word");
	for (; o->words[n]; n++) {
		if (slice_eq_str(node->text, o->words[n]))
			return *ret = (int)n, true;
		r |= buf_printf(&list, "%s%s", n ? ", " : "", o->words[n]);
	}
	const char *near = nearest(node->text, o->words, n);
	if (near)
		snprintf(hint, sizeof hint, "did you mean '%s'?", near);
	return option_refuse(p, node, near ? hint : NULL, "'%s' is one of %s, not '%.*s'", o->name,
			     r == 0 ? list.p : "a few words", SHOWN(node->text));
}

/* ---- numbers --------------------------------------------------------------------------------------------- */

static bool parse_int(struct planner *p, const struct opt *o, const struct node *node, int64_t *ret)
{
	if (!is_scalar(node) || units_int(node->text, ret) < 0)
		return option_refuse_kind(p, o, node, "a whole number");
	if (node->kind != NODE_INT)
		return option_refuse(p, node, "write it without quotes",
				     "'%s' wants a whole number, not text", o->name);
	ASSERT(o->min <= o->max);
	if ((o->min != 0 || o->max != 0) && (*ret < o->min || *ret > o->max))
		return option_refuse(p, node, NULL, "'%s' is from %lld to %lld, not %.*s", o->name,
				     (long long)o->min, (long long)o->max, SHOWN(node->text));
	return true;
}

/* {auto: {max: N}} */
static bool parse_auto(struct planner *p, const struct opt *o, const struct node *node,
		       struct concurrency *ret)
{
	struct opt max = *o;
	const struct node *of = node_get(node, "auto"), *most = node_get(of, "max");
	max.name = "max";
	if (!of || node->n != 1 || !most || of->n != 1)
		return option_refuse(p, node, "write {auto: {max: 64}}",
				     "'%s' as a mapping knows auto and its max", o->name);
	return parse_int(p, &max, most, &ret->most);
}

static bool parse_concurrency(struct planner *p, const struct opt *o, const struct node *node,
			      struct concurrency *ret)
{
	ret->automatic = node->kind == NODE_MAP || slice_eq(node->text, S("auto"));
	if (node->kind == NODE_MAP)
		return parse_auto(p, o, node, ret);
	if (ret->automatic)
		return true;
	if (node->kind != NODE_INT && is_scalar(node) && units_int(node->text, &ret->most) < 0)
		return option_refuse_kind(p, o, node, "a whole number or auto");
	return parse_int(p, o, node, &ret->most);
}

static bool parse_duration(struct planner *p, const struct opt *o, const struct node *node,
			   int64_t *ret)
{
	char hint[120];

	for (int i = 0; o->words && o->words[i]; i++)
		if (is_scalar(node) && slice_eq_str(node->text, o->words[i]))
			return *ret = -1 - i, true;
	int r = is_scalar(node) ? units_duration(node->text, ret) : -EINVAL;
	if (r == 0 && *ret >= 0)
		return true;
	if (node->kind == NODE_INT || node->kind == NODE_FLOAT) {
		snprintf(hint, sizeof hint, "did you mean '%.*ss'?",
			 SLICE(slice_head(node->text, 40)));
		return option_refuse(p, node, hint, "'%s' wants a unit: ms, s, m, h or d", o->name);
	}
	if (r == -ERANGE)
		return option_refuse(p, node, NULL, "'%s' is too long a time", o->name);
	if (!o->words)
		return option_refuse_kind(p, o, node, "a duration such as 30s, 5m, 24h or 7d");
	snprintf(hint, sizeof hint, "%s or a duration such as 5m, 24h or 7d", o->words[0]);
	return option_refuse_kind(p, o, node, hint);
}

static bool parse_size(struct planner *p, const struct opt *o, const struct node *node,
		       uint64_t *ret)
{
	int r = is_scalar(node) ? units_size(node->text, ret) : -EINVAL;

	if (r == 0)
		return true;
	if (r == -ERANGE)
		return option_refuse(p, node, NULL, "'%s' is too large", o->name);
	return option_refuse_kind(p, o, node, "a size such as 512K, 64MB or 1G");
}

/* ---- fields ---------------------------------------------------------------------------------------------- */

static size_t identifier(struct slice s)
{
	size_t i = 0;
	for (; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			break;
	}
	return i;
}

/* The bytes of "..." with its quotes; 0: it does not end. */
static size_t quoted(struct slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		i += s.p[i] == '\\';
	}
	return 0;
}

/* .name or ."any text": the bytes it takes, 0: it is neither. */
static size_t field_key(struct planner *p, struct slice s, struct slice *ret)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (s.n < 2 || s.p[0] != '.')
		return 0;
	s = slice_from(s, 1);
	if (s.p[0] != '"') {
		size_t n = identifier(s);
		*ret = arena_copy(p->arena, slice_head(s, n));
		return n ? n + 1 : 0;
	}
	size_t n = quoted(s);
	struct slice raw = slice_head(s, n);
	if (n == 0 || json_check(raw, NULL) < 0 || json_unquote(raw, &text) < 0)
		return 0;
	*ret = arena_copy(p->arena, buf_slice(&text));
	return n + 1;
}

size_t field_path_parse(struct planner *p, struct slice text, struct field_path *ret)
{
	struct slice key;
	size_t n = 0, at = 0, size;

	while ((size = field_key(p, slice_from(text, at), &key)) > 0) {
		at += size;
		n++;
	}
	struct slice *keys = arena_zero(p->arena, (n + 1) * sizeof *keys);
	at = 0;
	for (size_t i = 0; i < n; i++)
		at += field_key(p, slice_from(text, at), &keys[i]);
	ASSERT(at <= text.n);
	*ret = (struct field_path){ keys, n };
	return at;
}

static bool parse_field(struct planner *p, const struct opt *o, const struct node *node,
			struct field_path *ret)
{
	char hint[140] = "plain keys only: .profile or .a.b";

	if (!is_scalar(node))
		return option_refuse_kind(p, o, node, "a field such as .profile");
	size_t n = field_path_parse(p, node->text, ret);
	if (n > 0 && n == node->text.n)
		return true;
	if (n == 0 && identifier(node->text) == node->text.n && node->text.n > 0)
		snprintf(hint, sizeof hint, "did you mean '.%.*s'?", SHOWN(node->text));
	return option_refuse(p, node, hint, "'%s' wants a field of the record, not '%.*s'", o->name,
			     SHOWN(node->text));
}

static bool parse_on_error(struct planner *p, const struct opt *o, const struct node *node,
			   struct on_error *ret)
{
	struct slice text = node->text;

	ret->kind = ON_ERROR_DEAD;
	if (slice_eq(text, S("dead")))
		return true;
	ret->kind = ON_ERROR_STOP;
	if (slice_eq(text, S("stop")))
		return true;
	ret->kind = ON_ERROR_INTO;
	if (slice_starts(text, S("into "))) {
		struct slice path = slice_trim(slice_from(text, 5));
		size_t n = field_path_parse(p, path, &ret->into);
		if (n > 0 && n == path.n)
			return true;
	}
	return option_refuse_kind(p, o, node, "dead, stop or into .field");
}

bool option_parse_scalar(struct planner *p, const struct opt *o, const struct node *node, void *at)
{
	switch (o->type) {
	case OPT_STRING:
		return parse_string(p, o, node, at);
	case OPT_PATH:
		return parse_path(p, o, node, at);
	case OPT_BOOL:
		return parse_bool(p, o, node, at);
	case OPT_INT:
		return parse_int(p, o, node, at);
	case OPT_DURATION:
		return parse_duration(p, o, node, at);
	case OPT_CONCURRENCY:
		return parse_concurrency(p, o, node, at);
	case OPT_SIZE:
		return parse_size(p, o, node, at);
	case OPT_ENUM:
		return parse_enum(p, o, node, at);
	case OPT_FIELD:
		return parse_field(p, o, node, at);
	case OPT_ON_ERROR:
		return parse_on_error(p, o, node, at);
	default:
		ASSERT(false);
	}
}
