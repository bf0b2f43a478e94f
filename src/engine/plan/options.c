/* options.c - option tables, filled from the file
 *
 * What this room is for: one walk over a table serves every connector, the common options and every sub-table, so that
 *   a connector never parses anything and all mistakes sound alike.
 * What flows through:    nodes of the file in; C values at the offsets that the tables name.
 * What must hold:
 *  (1) the order of work is the table's, the order of messages the file's: the diag sorts.
 *  (2) a fallback is parsed as if it stood in the file, at the place of what it belongs to.
 *  (3) a sub-table, list or map is allocated only when it is given (or has a fallback): NULL or n == 0 says "not given". */
#include "engine/plan/options.h"
#include "engine/schema.h"

#include "base/banned.h"

const struct opt *options_find(const struct opt *table, struct slice name)
{
	for (const struct opt *o = table; o && o->name; o++)
		if (slice_eq_str(name, o->name))
			return o;
	return NULL;
}

const char *options_nearest(const struct opt *const *tables, size_t n, struct slice name)
{
	const char *words[128];
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		for (const struct opt *o = tables[i]; o && o->name && count < ARRAY_SIZE(words);
		     o++)
			words[count++] = o->name;
	return nearest(name, words, count);
}

/* "tabel: users" is answered with "did you mean 'table'?": that table is missing need not be said too. */
static bool misspelt(const struct opt *table, const struct opt *o, const struct node *map)
{
	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++) {
		const char *near = options_nearest(&table, 1, map->keys[i].text);
		if (near && strcmp(near, o->name) == 0)
			return true;
	}
	return false;
}

static void miss(struct planner *p, const struct opt *o, const struct node *at, const char *owner)
{
	char hint[160];
	const char *doc = o->doc ? o->doc : opt_type_name(o->type);
	bool named = slice_starts(slice_str(doc), slice_str(o->name)); /* "table to write to" */
	snprintf(hint, sizeof hint, "%s%s%s", named ? "" : o->name, named ? "" : ": ", doc);
	diag_add(p->diag, at->at, at->length, hint, "'%s' is missing: %s needs it", o->name, owner);
}

static void fill_one(struct planner *p, const struct opt *o, const struct node *value,
		     const struct node *at, void *into)
{
	if (value && node_empty(value) && o->verb && !o->required)
		value = NULL; /* `lines:` alone */
	if (value && node_empty(value)) {
		diag_add(p->diag, value->at, value->length, o->doc, "'%s' has no value", o->name);
		return;
	}
	if (value) {
		(void)option_parse(p, o, value, into);
		return;
	}
	if (!o->fallback)
		return;
	ASSERT(at->at + at->length <= p->file.n);
	struct node fallback = { .style = STYLE_DOUBLE,
				 .at = at->at,
				 .length = at->length,
				 .text = slice_str(o->fallback) };
	fallback.kind = yaml_plain_kind(fallback.text);
	(void)option_parse(p, o, &fallback, into);
}

void options_fill(struct planner *p, const struct opt *table, const struct opt *shadow,
		  const struct node *map, const struct node *at, const char *owner, void *into)
{
	ASSERT(at && owner && into);
	for (const struct opt *o = table; o && o->name; o++) {
		if (options_find(shadow, slice_str(o->name)))
			continue;
		const struct node *given = node_get(map, o->name);
		if (given || !o->required)
			fill_one(p, o, given, at, (char *)into + o->offset);
		else if (!misspelt(table, o, map))
			miss(p, o, at, owner);
	}
}

/* ---- containers ------------------------------------------------------------------------------------------ */

static size_t size_of(enum opt_type type)
{
	switch (type) {
	case OPT_BOOL:
		return sizeof(bool);
	case OPT_INT:
	case OPT_DURATION:
		return sizeof(int64_t);
	case OPT_SIZE:
		return sizeof(uint64_t);
	case OPT_CONCURRENCY:
		return sizeof(struct concurrency);
	case OPT_RATE:
		return sizeof(struct rate_option);
	case OPT_SCHEDULE:
		return sizeof(struct schedule);
	case OPT_ENUM:
		return sizeof(int);
	case OPT_FIELD:
		return sizeof(struct field_path);
	case OPT_ASSIGN:
		return sizeof(struct assignment);
	case OPT_ON_ERROR:
		return sizeof(struct on_error);
	case OPT_LIST:
		return sizeof(struct opt_list);
	case OPT_MAP:
		return sizeof(struct opt_map);
	default:
		return sizeof(void *);
	}
}

/* Elements are parsed by an option like the list's own, of the type that it is a list of. */
static void *parse_elements(struct planner *p, const struct opt *o, const struct node *nodes,
			    size_t n, bool *good)
{
	ASSERT(o->type == OPT_LIST || o->type == OPT_MAP);
	struct opt element = *o;
	size_t size = size_of(o->of);
	char *v = arena_zero(p->arena, (n + 1) * size);

	ASSERT(o->of != OPT_LIST && o->of != OPT_MAP);
	element.type = o->of;
	for (size_t i = 0; i < n; i++) {
		if (!node_empty(&nodes[i])) {
			*good &= option_parse(p, &element, &nodes[i], v + i * size);
			continue;
		}
		diag_add(p->diag, nodes[i].at, nodes[i].length, NULL, "a value of '%s' is empty",
			 o->name);
		*good = false;
	}
	return v;
}

static bool parse_list(struct planner *p, const struct opt *o, const struct node *node,
		       struct opt_list *ret)
{
	bool list = node->kind == NODE_LIST, good = true;

	ret->n = list ? node->n : 1;
	ret->v = parse_elements(p, o, list ? node->items : node, ret->n, &good);
	return good;
}

static bool parse_map(struct planner *p, const struct opt *o, const struct node *node,
		      struct opt_map *ret)
{
	bool good = true;

	if (node->kind != NODE_MAP)
		return option_refuse_kind(p, o, node, "a mapping");
	const char **keys = arena_zero(p->arena, (node->n + 1) * sizeof *keys);
	for (size_t i = 0; i < node->n; i++)
		keys[i] = arena_str(p->arena, node->keys[i].text);
	ret->keys = keys;
	ret->n = node->n;
	ret->v = parse_elements(p, o, node->items, node->n, &good);
	return good;
}

static bool has_verb(const struct opt *table)
{
	for (const struct opt *o = table; o->name; o++)
		if (o->verb)
			return true;
	return false;
}

/* `timeout: 30s`: the sub-option that a scalar sets goes by the table's name in messages. */
static void fill_by_verb(struct planner *p, const struct opt *o, const struct node *node,
			 void *into)
{
	for (const struct opt *sub = o->sub; sub->name; sub++) {
		struct opt named = *sub;
		if (sub->verb)
			named.name = o->name;
		fill_one(p, &named, sub->verb ? node : NULL, node, (char *)into + sub->offset);
	}
}

/* "{connect, tls}" */
static const char *words_of(struct planner *p, const struct opt *o)
{
	const char *list = o->sub->name;
	for (const struct opt *sub = o->sub + 1; o->sub->name && sub->name; sub++)
		list = arena_printf(p->arena, "%s, %s", list, sub->name);
	return arena_printf(p->arena, "{%s}", list ? list : "");
}

static void check_sub_keys(struct planner *p, const struct opt *o, const struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = &map->keys[i];
		if (options_find(o->sub, key->text))
			continue;
		const char *near = options_nearest(&o->sub, 1, key->text);
		char hint[160];
		if (near)
			snprintf(hint, sizeof hint, "did you mean '%s'?", near);
		else
			snprintf(hint, sizeof hint, "it has %s", words_of(p, o));
		diag_add(p->diag, key->at, key->length, hint, "'%s' has no option '%.*s'", o->name,
			 SHOWN(key->text));
	}
}

static bool parse_table(struct planner *p, const struct opt *o, const struct node *node, void *at)
{
	size_t before = diag_count(p->diag);
	char owner[80];

	if (node->kind != NODE_MAP && (node->kind == NODE_NULL || !has_verb(o->sub)))
		return option_refuse_kind(p, o, node,
					  arena_printf(p->arena, "a mapping %s", words_of(p, o)));
	ASSERT(o->sub && o->sub_size > 0);
	void *sub = arena_zero(p->arena, o->sub_size + 1);
	snprintf(owner, sizeof owner, "'%s'", o->name);
	if (node->kind == NODE_MAP) {
		options_fill(p, o->sub, NULL, node, node, owner, sub);
		check_sub_keys(p, o, node);
	} else {
		fill_by_verb(p, o, node, sub);
	}
	memcpy(at, &sub, sizeof sub);
	return diag_count(p->diag) == before;
}

bool option_parse(struct planner *p, const struct opt *o, const struct node *node, void *at)
{
	switch (o->type) {
	case OPT_LIST:
		return parse_list(p, o, node, at);
	case OPT_MAP:
		return parse_map(p, o, node, at);
	case OPT_TABLE:
		return parse_table(p, o, node, at);
	case OPT_FILES:
	case OPT_TEMPLATE:
	case OPT_URL:
	case OPT_TREE:
	case OPT_SHEET:
	case OPT_JQ:
	case OPT_ASSIGN:
	case OPT_RATE:
		return option_parse_expr(p, o, node, at);
	case OPT_SCHEDULE:
		return option_parse_schedule(p, o, node, at);
	default:
		return option_parse_scalar(p, o, node, at);
	}
}

bool option_parse_mapping(struct planner *p, const struct opt *o, const struct opt *sub,
			  size_t sub_size, const struct node *node, void *at)
{
	struct opt table = *o;
	table.type = OPT_TABLE;
	table.sub = sub;
	table.sub_size = sub_size;
	return parse_table(p, &table, node, at);
}
