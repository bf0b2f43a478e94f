/* misplaced.c - options that were written into the verb's own value
 *
 * What this room is for: `group: {key: .topic, every: 2m}`. Elsewhere a step is a word with a mapping below it, so this is what a
 *   newcomer writes; here the mapping is jq's, whose complaint about '2m' helps nobody, or no value at all.
 * What flows through:    a place before its options are read; the right form of it for what is said, and sometimes the mistake itself.
 * What must hold:
 *  (1) what is a program today stays one: a mapping is refused only if a value in it cannot be jq (2m, a cron line), or if it has
 *      nothing but options and one word such as 'key', and an option has a constant, which would tell no record from another.
 *  (2) a name in quotes is a field. */
#include "engine/plan/planning.h"

#include "base/banned.h"

enum { FORM_MAX = 120 }; /* bytes: a longer form teaches nothing */

static bool takes_mapping(enum opt_type type)
{
	return type == OPT_JQ || type == OPT_TREE || type == OPT_TABLE || type == OPT_MAP ||
	       type == OPT_SHEET || type == OPT_ASSIGN || type == OPT_RATE || type == OPT_SCHEDULE;
}

static const struct opt *own_option(const struct draft *d, const struct node *key)
{
	return options_find(d->place.port->options, key->text);
}

static bool is_option(const struct draft *d, const struct node *key)
{
	return own_option(d, key) ||
	       options_find(common_options(d->place.port, d->place.role), key->text);
}

/* ---- the right form --------------------------------------------------------------------------------------------- */

/* As it stands there, but for what would need more than single quotes. */
static int put_value(const struct node *value, struct buf *out)
{
	bool plain = value->style == STYLE_PLAIN;
	if (value->kind >= NODE_LIST || value->text.n == 0 ||
	    memchr(value->text.p, '\n', value->text.n) ||
	    (!plain && memchr(value->text.p, '\'', value->text.n)))
		return buf_add(out, S("..."));
	return buf_printf(out, plain ? "%.*s" : "'%.*s'", SLICE(value->text));
}

/* The first that is no option is what the verb takes. */
static size_t find_value(const struct draft *d, const struct node *map)
{
	for (size_t i = 0; i < map->n; i++)
		if (!is_option(d, &map->keys[i]))
			return i;
	return map->n;
}

/* "write - {group: .topic, every: 2m}" */
static const char *right_form(struct planner *p, const struct draft *d, const struct node *map)
{
	AUTO(buf_done) struct buf form = { .max = FORM_MAX };
	size_t value = find_value(d, map);
	int r = buf_printf(&form, "write %s{%s: ", d->place.role == ROLE_STEP ? "- " : "",
			   d->place.port->name);
	r = r < 0            ? r
	    : value < map->n ? put_value(&map->items[value], &form)
			     : buf_add(&form, S("..."));
	for (size_t i = 0; i < map->n && r == 0; i++) {
		if (i == value)
			continue;
		r = buf_printf(&form, ", %.*s: ", SLICE(map->keys[i].text));
		r = r < 0 ? r : put_value(&map->items[i], &form);
	}
	r = r < 0 ? r : buf_add_char(&form, '}');
	return r == 0 ? arena_str(p->arena, buf_slice(&form))
		      : arena_printf(p->arena, "options stand beside '%s', not in it",
				     d->place.port->name);
}

/* ---- mappings that are programs ------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "2m", "30d", "10MB" */
static bool is_measure(struct slice s)
{
	size_t i = 0, digits;
	while (i < s.n && is_digit(s.p[i]))
		i++;
	digits = i;
	while (i < s.n && ((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z'))
		i++;
	return digits > 0 && i > digits && i == s.n;
}

/* Five fields of digits and cron's signs. */
static bool is_cron(struct slice s)
{
	size_t fields = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]) && !strchr("*/,- ", s.p[i]))
			return false;
		fields += s.p[i] != ' ' && (i == 0 || s.p[i - 1] == ' ');
	}
	return fields == 5;
}

static bool cannot_be_jq(const struct node *value)
{
	return value->kind == NODE_STRING && (is_measure(value->text) || is_cron(value->text));
}

static bool is_constant(const struct node *value)
{
	return value->kind == NODE_BOOL || value->kind == NODE_INT || value->kind == NODE_FLOAT;
}

/* Is the word what others call what this verb takes? */
static bool means_value(const struct draft *d, struct slice word)
{
	static const char *const words[] = { "key", "by", "on", "field", "value", "expr" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_str(word, words[i]))
			return true;
	return slice_eq_str(word, d->place.port->name);
}

static bool only_options(const struct draft *d, const struct node *map)
{
	size_t value = find_value(d, map);
	for (size_t i = 0; i < map->n; i++)
		if (i != value && !is_option(d, &map->keys[i]))
			return false;
	return value == map->n || means_value(d, map->keys[value].text);
}

/* The first option that is certainly none of the program's; map->n: it is a program. */
static size_t find_misplaced(const struct draft *d, const struct node *map)
{
	bool only = only_options(d, map);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = &map->keys[i], *value = &map->items[i];
		if (key->style != STYLE_PLAIN || !own_option(d, key) || own_option(d, key)->verb)
			continue;
		if (cannot_be_jq(value) || (only && is_constant(value)))
			return i;
	}
	return map->n;
}

static void report(struct planner *p, const struct draft *d, const struct node *map, size_t i)
{
	const struct node *key = &map->keys[i], *last = &map->items[map->n - 1];
	diag_add(p->diag, key->at, key->length, right_form(p, d, map),
		 "'%.*s' is an option of '%s', and stands beside it", SHOWN(key->text),
		 d->place.port->name);
	diag_mute(p->diag, map->keys[0].at, last->at + last->length);
}

void misplaced_check(struct planner *p, const struct draft *d)
{
	const struct opt *o = options_find(d->place.port->options, slice_str(d->place.port->name));
	const struct node *map = d->map ? node_get(d->map, d->place.port->name) : NULL;

	p->inside = NULL;
	if (!o || !o->verb || !map || map->kind != NODE_MAP || map->n == 0)
		return;
	if (!takes_mapping(o->type)) {
		p->inside = map;
		p->beside = right_form(p, d, map);
		return;
	}
	size_t i = o->type == OPT_JQ ? find_misplaced(d, map) : map->n;
	if (i < map->n)
		report(p, d, map, i);
}
