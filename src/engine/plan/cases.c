/* cases.c - `tests:`: cases for `hocket test`, checked with the rest of the file
 *
 * What this room is for: from the list under `tests:` to cases with JSON texts and mocks. A test that could only fail for a slip of
 *   the pen (a step that is not there, a field that no case has) is a mistake of the file, with its place.
 * What flows through:    nodes and the drafts of all places in; cases out, mistakes into the diag.
 * What must hold:
 *  (1) every key of a case is known, every name in it that of a place or a verb that calls out. (2) a case expects something, or else it
 *  would be good whatever happens. (3) what one record or one row needs no list for, is a list of one. */
#include "base/clock.h"
#include "base/json.h"
#include "engine/cases.h"
#include "engine/plan/planning.h"
#include "io/object.h"

#include "base/banned.h"

struct parsing {
	struct planner *p;
	const struct drafts *steps, *sinks;
	const struct node *map;
	struct test_case *into;
	bool good;
};
typedef void key_fn(struct parsing *, const struct node *value);

static void refuse(struct parsing *x, const struct node *at, const char *hint, const char *text)
{
	diag_add(x->p->diag, at->at, at->length, hint, "%s", text);
	x->good = false;
}

/* ---- values ------------------------------------------------------------------------------------------------- */

bool node_to_json(struct planner *p, const struct node *node, struct slice *ret)
{
	AUTO(buf_done) struct buf text = { 0 }, compact = { 0 };
	const struct node *bad = NULL;
	if (node_json(node, &text, &bad) == 0 &&
	    json_compact(buf_slice(&text), &compact, NULL) == 0) {
		*ret = arena_copy(p->arena, buf_slice(&compact));
		return true;
	}
	bad = bad ? bad : node;
	diag_add(p->diag, bad->at, bad->length, "text needs quotes",
		 "'%.*s' is no number that JSON can hold", SHOWN(bad->text));
	return false;
}

/* One, or a list of them. */
static struct case_values values_of(struct parsing *x, const struct node *node)
{
	bool list = node->kind == NODE_LIST;
	size_t n = list ? node->n : 1;
	struct slice *v = arena_zero(x->p->arena, (n + 1) * sizeof *v);
	for (size_t i = 0; i < n; i++)
		x->good &= node_to_json(x->p, list ? &node->items[i] : node, &v[i]);
	return (struct case_values){ v, n };
}

static struct case_values records_of(struct parsing *x, const struct node *node, const char *what)
{
	bool list = node->kind == NODE_LIST;
	for (size_t i = 0; i < (list ? node->n : 1); i++) {
		const struct node *one = list ? &node->items[i] : node;
		if (one->kind == NODE_MAP)
			continue;
		x->good = option_refuse(
			x->p, one, NULL,
			"'%s' wants a record, {key: value}, or a list of them, not %s", what,
			node_kind_name(one));
		return (struct case_values){ 0 };
	}
	return values_of(x, node);
}

/* ---- places --------------------------------------------------------------------------------------------------- */

static bool is_named(const struct draft *d, struct slice name)
{
	const struct place *at = &d->place;
	return at->port &&
	       ((at->label && slice_eq_str(name, at->label)) || slice_eq_str(name, at->port->name));
}

static const struct draft *find_place(const struct drafts *in, struct slice name, bool calls)
{
	for (size_t i = 0; i < in->n; i++)
		if (is_named(&in->v[i], name) && (!calls || in->v[i].place.port->call))
			return &in->v[i];
	return NULL;
}

static size_t put_names(const struct drafts *in, bool calls, const char **words, size_t n)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->v[i].place.label && (!calls || in->v[i].place.port->call))
			words[n++] = in->v[i].place.label;
	return n;
}

/* "the steps that call out are: http, upload" */
static const char *hint_names(struct parsing *x, struct slice word, const char **words, size_t n,
			      const char *what)
{
	AUTO(buf_done) struct buf list = { 0 };
	const char *near = nearest(word, words, n);
	int r = 0;
	if (near)
		return arena_printf(x->p->arena, "did you mean '%s'?", near);
	for (size_t i = 0; i < n && r == 0; i++)
		r = buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
	return r < 0 || n == 0 ? NULL : arena_printf(x->p->arena, "%s: %s", what, list.p);
}

/* The place that calls out and has this name, or this verb; NULL: a mistake was added. */
static const struct draft *calling_place(struct parsing *x, const struct node *key)
{
	const struct draft *found = find_place(x->steps, key->text, true);
	found = found ? found : find_place(x->sinks, key->text, true);
	if (found)
		return found;
	const char **words =
		arena_zero(x->p->arena, (x->steps->n + x->sinks->n + 1) * sizeof *words);
	size_t n = put_names(x->steps, true, words, 0);
	n = put_names(x->sinks, true, words, n);
	x->good = false;
	if (find_place(x->steps, key->text, false))
		diag_add(x->p->diag, key->at, key->length, "it does what it does in a run",
			 "'%.*s' calls nothing", SHOWN(key->text));
	else
		diag_add(x->p->diag, key->at, key->length,
			 hint_names(x, key->text, words, n, "what calls out here"),
			 "no step '%.*s' calls out", SHOWN(key->text));
	return NULL;
}

/* A mapping of places to something. NULL: it is none. */
static struct case_named *named(struct parsing *x, const struct node *map, const char *what)
{
	if (map->kind != NODE_MAP) {
		x->good = option_refuse(x->p, map, NULL,
					"'%s' wants a mapping of steps, {http: ...}, not %s", what,
					node_kind_name(map));
		return NULL;
	}
	struct case_named *v = arena_zero(x->p->arena, (map->n + 1) * sizeof *v);
	for (size_t i = 0; i < map->n; i++)
		v[i].name = arena_str(x->p->arena, map->keys[i].text);
	return v;
}

/* ---- the keys of a case --------------------------------------------------------------------------------------- */

static void read_name(struct parsing *x, const struct node *value)
{
	if (value->kind >= NODE_LIST || value->text.n == 0)
		refuse(x, value, NULL, "'name' wants a few words");
	else
		x->into->name = arena_str(x->p->arena, value->text);
}

static void read_in(struct parsing *x, const struct node *value)
{
	x->into->in = records_of(x, value, "in");
}

static void read_mocks(struct parsing *x, const struct node *value)
{
	struct case_named *v = named(x, value, "mock");
	for (size_t i = 0; v && i < value->n; i++) {
		const struct draft *d = calling_place(x, &value->keys[i]);
		if (!d)
			continue;
		const struct mock_of of = { d->place.port->rows, x->into->in.n };
		v[i].mock = mock_parse(x->p, &value->items[i], &of);
		x->good &= v[i].mock != NULL;
	}
	x->into->mocks = (struct case_list){ v, v ? value->n : 0 };
}

static void read_sent(struct parsing *x, const struct node *value)
{
	struct case_named *v = named(x, value, "sent");
	for (size_t i = 0; v && i < value->n; i++)
		if (calling_place(x, &value->keys[i]))
			v[i].values = values_of(x, &value->items[i]);
	x->into->sent = (struct case_list){ v, v ? value->n : 0 };
}

/* With one sink its rows; with several, each one's under its name. */
static void read_out(struct parsing *x, const struct node *value)
{
	const struct drafts *sinks = x->sinks;
	bool none = value->kind == NODE_LIST && value->n == 0;
	if (sinks->n == 1 || none) {
		struct case_named *v = arena_zero(x->p->arena, (sinks->n + 1) * sizeof *v);
		for (size_t i = 0; i < sinks->n; i++)
			v[i] = (struct case_named){ .name = sinks->v[i].place.label,
						    .values = records_of(x, value, "out") };
		x->into->outs = (struct case_list){ v, sinks->n };
		return;
	}
	const char **words = arena_zero(x->p->arena, (sinks->n + 1) * sizeof *words);
	size_t n = put_names(sinks, false, words, 0);
	if (value->kind != NODE_MAP) {
		refuse(x, value, hint_names(x, S(""), words, n, "the sinks are"),
		       "with several sinks 'out' is a mapping of their names to what each gets");
		return;
	}
	struct case_named *v = named(x, value, "out");
	for (size_t i = 0; i < value->n; i++) {
		const struct node *key = &value->keys[i];
		if (find_place(sinks, key->text, false))
			v[i].values = records_of(x, &value->items[i], v[i].name);
		else
			refuse(x, key, hint_names(x, key->text, words, n, "the sinks are"),
			       arena_printf(x->p->arena, "no sink '%.*s'", SHOWN(key->text)));
	}
	x->into->outs = (struct case_list){ v, value->n };
}

/* As steps name them: `file:out/a.pdf` counts from the pipeline's folder. */
static const char *url_of(const struct planner *p, struct slice text)
{
	struct slice path = slice_from(text, slice_starts(text, S("file:")) ? 5 : 0);
	if (path.n == text.n || slice_starts(path, S("//")))
		return arena_str(p->arena, text);
	if (slice_starts(path, S("/")))
		return arena_printf(p->arena, "file://%.*s", SLICE(path));
	return arena_printf(p->arena, "file://%s/%.*s", p->folder, SLICE(path));
}

/* By URL. Whose name it is, a store would be asked. */
static struct case_list by_url(struct parsing *x, const struct node *map, const char *what)
{
	struct case_named *v = NULL;
	if (map->kind != NODE_MAP) {
		x->good = option_refuse(x->p, map, NULL,
					"'%s' wants a mapping, {gs://bucket/name: ...}, not %s",
					what, node_kind_name(map));
		return (struct case_list){ 0 };
	}
	v = named(x, map, what);
	for (size_t i = 0; i < map->n; i++) {
		struct object_url url;
		struct err err = { 0 };
		const struct node *key = &map->keys[i], *value = &map->items[i];
		struct slice *json = arena_zero(x->p->arena, sizeof *json);
		v[i].name = url_of(x->p, key->text);
		if (object_url_parse(slice_str(v[i].name), &url, &err) < 0)
			refuse(x, key, "gs://bucket/name, s3://bucket/name, file:folder/name",
			       err.text);
		x->good &= node_to_json(x->p, value, json);
		v[i].values = (struct case_values){ json, 1 };
	}
	return (struct case_list){ v, map->n };
}

static void read_objects(struct parsing *x, const struct node *value)
{
	x->into->objects = by_url(x, value, "objects");
}

static void read_stored(struct parsing *x, const struct node *value)
{
	x->into->stored = by_url(x, value, "stored");
}

static void read_exact(struct parsing *x, const struct node *value)
{
	if (value->kind != NODE_BOOL)
		refuse(x, value, NULL, "'exact' wants true or false");
	else
		x->into->exact = (value->text.p[0] | 0x20) == 't';
}

static void check_letter(struct parsing *x, const struct node *letter)
{
	static const char *const keys[] = { "step", "class", "message", "record", "at_step" };
	for (size_t i = 0; i < letter->n; i++) {
		const struct node *key = &letter->keys[i];
		bool known = false;
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			known |= slice_eq_str(key->text, keys[k]);
		if (!known)
			refuse(x, key,
			       hint_names(x, key->text, (const char **)keys, ARRAY_SIZE(keys),
					  "a dead letter has"),
			       arena_printf(x->p->arena, "'%.*s' is no part of a dead letter",
					    SHOWN(key->text)));
	}
	const struct node *step = node_get(letter, "step");
	const char **words =
		arena_zero(x->p->arena, (x->steps->n + x->sinks->n + 1) * sizeof *words);
	size_t n = put_names(x->sinks, false, words, put_names(x->steps, false, words, 0));
	if (step && !find_place(x->steps, step->text, false) &&
	    !find_place(x->sinks, step->text, false))
		refuse(x, step, hint_names(x, step->text, words, n, "the steps are"),
		       arena_printf(x->p->arena, "no step '%.*s'", SHOWN(step->text)));
}

static void read_dead(struct parsing *x, const struct node *value)
{
	x->into->has_dead = true;
	x->into->dead = records_of(x, value, "dead");
	for (size_t i = 0; value->kind == NODE_LIST && i < value->n; i++)
		check_letter(x, &value->items[i]);
	if (value->kind == NODE_MAP)
		check_letter(x, value);
}

static void read_stops(struct parsing *x, const struct node *value)
{
	if (value->kind >= NODE_LIST || value->text.n == 0)
		refuse(x, value, "of what the run says: stops: 'answered 401'",
		       "'stops' wants a few words");
	else
		x->into->stops = arena_str(x->p->arena, value->text);
}

static const char *near_var(const struct parsing *x, struct slice name)
{
	const char *words[64];
	size_t n = 0;
	struct json_iter it = json_iter(x->p->vars);
	struct slice key, value, ignored;
	if (json_field(x->p->vars, name, &ignored))
		return NULL;
	while (n < ARRAY_SIZE(words) && json_next(&it, &key, &value))
		words[n++] = arena_str(x->p->arena, (struct slice){ key.p + 1, key.n - 2 });
	return nearest(name, words, n);
}

static void read_vars(struct parsing *x, const struct node *value)
{
	const char **sets = arena_zero(x->p->arena, (value->n + 1) * sizeof *sets);
	if (value->kind != NODE_MAP) {
		refuse(x, value, NULL, "'vars' wants a mapping of names to values");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct node *key = &value->keys[i];
		const char *near = near_var(x, key->text);
		struct slice json = S("null");
		if (near)
			refuse(x, key, arena_printf(x->p->arena, "did you mean '%s'?", near),
			       arena_printf(x->p->arena, "'%.*s' is not in the file's vars",
					    SHOWN(key->text)));
		x->good &= node_to_json(x->p, &value->items[i], &json);
		sets[i] = arena_printf(x->p->arena, "%.*s=%.*s", SLICE(key->text), SLICE(json));
	}
	x->into->sets = sets;
	x->into->set_count = value->n;
}

static void read_now(struct parsing *x, const struct node *value)
{
	if (value->kind >= NODE_LIST || clock_parse_utc(value->text, &x->into->now_ns) < 0)
		refuse(x, value, NULL, "'now' wants a time such as 2026-01-31T12:30:00Z");
}

static const struct {
	const char *word;
	key_fn *understand;
} keys[] = {
	{ "name", read_name },       { "in", read_in },         { "mock", read_mocks },
	{ "out", read_out },         { "exact", read_exact },   { "dead", read_dead },
	{ "sent", read_sent },       { "vars", read_vars },     { "now", read_now },
	{ "objects", read_objects }, { "stored", read_stored }, { "stops", read_stops },
};

/* ---- a case ------------------------------------------------------------------------------------------------------- */

static void check_keys(struct parsing *x)
{
	const char *words[ARRAY_SIZE(keys)];
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		words[k] = keys[k].word;
	for (size_t i = 0; i < x->map->n; i++) {
		const struct node *key = &x->map->keys[i];
		bool known = false;
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			known |= slice_eq_str(key->text, words[k]);
		if (!known)
			refuse(x, key, hint_names(x, key->text, words, ARRAY_SIZE(words), "it has"),
			       arena_printf(x->p->arena, "unknown word '%.*s' in a test",
					    SHOWN(key->text)));
	}
}

static void check_whole(struct parsing *x)
{
	const struct node *at = x->map->n ? x->map->keys : x->map;
	const struct test_case *c = x->into;
	if (!node_get(x->map, "in"))
		refuse(x, at, "the records that go in", "this test has no 'in'");
	else if (x->good && c->in.n == 0)
		refuse(x, at, "give it a record", "'in' is empty: nothing would be tested");
	else if (x->good && !node_get(x->map, "out") && !c->has_dead && c->sent.n == 0 &&
		 c->stored.n == 0 && !c->stops)
		refuse(x, at, "say what comes of it: out, sent, stored, dead or stops",
		       "this test expects nothing");
}

static bool parse_case(struct parsing *x)
{
	if (x->map->kind != NODE_MAP)
		return option_refuse(x->p, x->map, "write - in: {...}",
				     "a test is a mapping, not %s", node_kind_name(x->map));
	x->good = true;
	x->into->line = place_line(x->p, x->map->n ? x->map->keys : x->map);
	check_keys(x);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		const struct node *value = node_get(x->map, keys[k].word);
		if (value)
			keys[k].understand(x, value);
	}
	check_whole(x);
	return x->good;
}

void cases_parse(struct planner *p, const struct node *tests, const struct drafts *steps,
		 const struct drafts *sinks, struct plan *plan)
{
	if (!tests || node_empty(tests))
		return;
	if (tests->kind != NODE_LIST) {
		diag_add(p->diag, tests->at, tests->length, "each test begins with '- in:'",
			 "'tests' wants a list, not %s", node_kind_name(tests));
		return;
	}
	struct test_case *v = arena_zero(p->arena, (tests->n + 1) * sizeof *v);
	for (size_t i = 0; i < tests->n; i++) {
		struct parsing x = { p, steps, sinks, &tests->items[i], &v[i], true };
		(void)parse_case(&x); /* what is wrong is in the diag */
	}
	plan->tests = v;
	plan->test_count = tests->n;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static bool is_for(const struct case_named *named, const struct place *place)
{
	return strcmp(named->name, place->label) == 0 ||
	       strcmp(named->name, place->port->name) == 0;
}

const struct case_named *case_find(const struct case_list *list, const struct place *place)
{
	const struct case_named *found = NULL;
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].name, place->label) == 0)
			return &list->v[i];
		if (is_for(&list->v[i], place))
			found = &list->v[i];
	}
	return found;
}
