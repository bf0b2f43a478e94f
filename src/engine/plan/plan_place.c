/* plan_place.c - one place of a pipeline: which connector, with which options
 *
 * What this room is for: a step is a mapping in which one key is the verb and the others are options, its own or common
 *   ones. Finding the verb among them, and saying well what is wrong when there is none or a word too many.
 * What flows through:    a node and a role in; a draft with port, option struct, common options and facts out.
 * What must hold:
 *  (1) a key is understood once: as the verb, as the connector's option, as a common one, else it is a mistake.
 *  (2) the connector's plan() runs only on options without mistakes, and its own mistakes find their place in the file.
 *  (3) nothing here knows a connector: names come from the registry, words to come from later.c. */
#include "engine/plan/planning.h"

#include "base/banned.h"

const struct port *registry_find(const struct registry *r, struct slice name, enum role role)
{
	for (size_t i = 0; i < r->n; i++)
		if ((r->ports[i]->roles & role) && slice_eq_str(name, r->ports[i]->name))
			return r->ports[i];
	return NULL;
}

static const char *role_name(enum role role)
{
	return role == ROLE_SOURCE ? "source" : role == ROLE_STEP ? "step" : "sink";
}

static enum later later_of(enum role role)
{
	return role == ROLE_SOURCE ? LATER_SOURCE : role == ROLE_STEP ? LATER_STEP : LATER_SINK;
}

const struct opt *common_options(const struct port *port, enum role role)
{
	ASSERT(port->roles & role);
	if (role == ROLE_SOURCE)
		return common_source_options;
	if (port->rows)
		return common_rows_options;
	if (port->works)
		return common_work_options;
	if (port->call)
		return role == ROLE_SINK ? common_call_sink_options : common_call_options;
	return role == ROLE_SINK ? common_sink_options : common_step_options;
}

/* ---- which verb ------------------------------------------------------------------------------------------ */

/* "http, map, set": every name of a role. */
static const char *names_of(struct planner *p, enum role role)
{
	AUTO(buf_done) struct buf list = { 0 };
	int r = 0;

	for (size_t i = 0; i < p->registry->n; i++)
		if (p->registry->ports[i]->roles & role)
			r |= buf_printf(&list, "%s%s", list.n ? ", " : "",
					p->registry->ports[i]->name);
	return r == 0 ? arena_str(p->arena, buf_slice(&list)) : "";
}

static const char *owner_of(const struct planner *p, struct slice word, enum role role)
{
	for (size_t i = 0; i < p->registry->n; i++) {
		const struct port *port = p->registry->ports[i];
		if ((port->roles & role) && options_find(port->options, word))
			return port->name;
	}
	return NULL;
}

/* "'upload' or 'download'": the names of a role for a word of others. NULL: there are none. */
static const char *own_names(struct planner *p, struct slice word, enum role role)
{
	const char *list = NULL;

	if (owner_of(p, word, role)) /* the verb that it belongs to is what is wrong */
		return NULL;
	for (size_t i = 0; i < p->registry->foreign_count; i++) {
		const struct foreign_word *f = &p->registry->foreign[i];
		if (!slice_eq_nocase(word, slice_str(f->word)) ||
		    !registry_find(p->registry, slice_str(f->name), role))
			continue;
		list = arena_printf(p->arena, "%s%s'%s'", list ? list : "", list ? " or " : "",
				    f->name);
	}
	return list;
}

static const char *nearest_port(struct planner *p, struct slice word, enum role role)
{
	const char *words[128];
	size_t n = 0;

	for (size_t i = 0; i < p->registry->n && n < ARRAY_SIZE(words); i++)
		if (p->registry->ports[i]->roles & role)
			words[n++] = p->registry->ports[i]->name;
	return nearest(word, words, n);
}

/* Some role has this name, but not the one that is wanted here. */
static const char *other_role(struct planner *p, struct slice word)
{
	static const char *const keys[] = { "from:", "steps:", "to:" };
	char list[40] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (registry_find(p->registry, word, (enum role)(1 << i)))
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? " or " : "",
					      keys[i]);
	return n ? arena_printf(p->arena, "it stands in %s", list) : NULL;
}

/* The same of a word of others. */
static const char *own_name_elsewhere(struct planner *p, struct slice word, enum role role)
{
	if (owner_of(p, word, role))
		return NULL;
	for (size_t i = 0; i < p->registry->foreign_count; i++) {
		const struct foreign_word *f = &p->registry->foreign[i];
		if (slice_eq_nocase(word, slice_str(f->word)))
			return arena_printf(p->arena, "it is '%s' here, and %s", f->name,
					    other_role(p, slice_str(f->name)));
	}
	return NULL;
}

/* "jsonl:users.jsonl" is one word to YAML. */
static bool is_glued(const struct node *key)
{
	return key->style == STYLE_PLAIN && key->text.n > 0 &&
	       memchr(key->text.p, ':', key->text.n);
}

/* A word that should have been a verb. false: nothing can be said about it. */
static bool report_word(struct planner *p, const struct node *key, enum role role)
{
	const char *role_word = role_name(role), *near = nearest_port(p, key->text, role), *other;

	if (later_word(key->text, later_of(role)))
		diag_add(p->diag, key->at, key->length, NULL,
			 "'%.*s' is not in this version of hocket yet", SHOWN(key->text));
	else if (is_glued(key))
		diag_add(p->diag, key->at, key->length, "a blank is missing after ':'",
			 "unknown %s '%.*s'", role_word, SHOWN(key->text));
	else if ((other = other_role(p, key->text)))
		diag_add(p->diag, key->at, key->length, other, "'%.*s' is no %s", SHOWN(key->text),
			 role_word);
	else if ((other = own_names(p, key->text, role)))
		diag_add(p->diag, key->at, key->length,
			 arena_printf(p->arena, "did you mean %s?", other), "unknown %s '%.*s'",
			 role_word, SHOWN(key->text));
	else if ((other = own_name_elsewhere(p, key->text, role)))
		diag_add(p->diag, key->at, key->length, other, "'%.*s' is no %s", SHOWN(key->text),
			 role_word);
	else if (near)
		diag_add(p->diag, key->at, key->length,
			 arena_printf(p->arena, "did you mean '%s'?", near), "unknown %s '%.*s'",
			 role_word, SHOWN(key->text));
	else
		return false;
	return true;
}

static bool is_common(struct slice word)
{
	return options_find(common_call_options, word) || options_find(common_rows_options, word) ||
	       options_find(common_work_options, word) || options_find(common_sink_options, word) ||
	       options_find(common_source_options, word);
}

static void report_no_verb(struct planner *p, const struct node *map, enum role role)
{
	const struct node *at = map->n ? map->keys : map;

	for (size_t i = 0; i < map->n; i++)
		if (!is_common(map->keys[i].text) && report_word(p, &map->keys[i], role))
			return;
	for (size_t i = map->n; i-- > 0;)
		if (!is_common(map->keys[i].text))
			at = &map->keys[i]; /* the first word that no common option explains */
	diag_add(p->diag, at->at, at->length,
		 arena_printf(p->arena, "one of %s", names_of(p, role)), "this %s has no verb",
		 role_name(role));
}

/* A key that names a port may be an option of another one: `emit` beside a call, `table` beside a sink. */
static bool is_option_of_another(const struct planner *p, const struct node *map, size_t key,
				 enum role role)
{
	struct slice word = map->keys[key].text;

	for (size_t i = 0; i < map->n; i++) {
		const struct port *other =
			i == key ? NULL : registry_find(p->registry, map->keys[i].text, role);
		if (!other)
			continue;
		if (slice_eq(word, S("emit")) || options_find(other->options, word) ||
		    options_find(common_options(other, role), word))
			return true;
	}
	return false;
}

/* `sql:` with an `emit:` beside it is not an emit step: a verb that is still to come is the verb. */
static bool is_later(struct planner *p, const struct node *map, size_t found, enum role role)
{
	const struct port *port =
		found < map->n ? registry_find(p->registry, map->keys[found].text, role) : NULL;

	for (size_t i = 0; i < map->n; i++) {
		struct slice word = map->keys[i].text;
		bool known = registry_find(p->registry, word, role) ||
			     (port && (options_find(port->options, word) ||
				       later_word(word, LATER_OPTION)));
		if (!known && later_word(word, later_of(role)))
			return report_word(p, &map->keys[i], role);
	}
	return false;
}

/* The index of the verb's key; map->n: there is none, or more than one, and that was said. */
static size_t find_verb(struct planner *p, const struct node *map, enum role role)
{
	size_t found = map->n;

	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = &map->keys[i];
		if (!registry_find(p->registry, key->text, role) ||
		    is_option_of_another(p, map, i, role))
			continue;
		if (found == map->n) {
			found = i;
			continue;
		}
		diag_add(p->diag, key->at, key->length,
			 role == ROLE_STEP ? "begin it with '- ' to make it the next step" : NULL,
			 "a %s has one verb, this one has '%.*s' and '%.*s'", role_name(role),
			 SHOWN(map->keys[found].text), SHOWN(key->text));
		return map->n;
	}
	if (is_later(p, map, found, role))
		return map->n;
	if (found == map->n)
		report_no_verb(p, map, role);
	return found;
}

/* ---- words too many ---------------------------------------------------------------------------------------- */

bool means_every(struct slice word)
{
	static const char *const words[] = { "every", "cron",     "schedule",
					     "zone",  "timezone", "interval" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_str(word, words[i]))
			return true;
	return false;
}

static const char *hint_for_unknown(struct planner *p, const struct draft *d,
				    const struct node *key)
{
	const struct slice word = key->text;
	static const char *const top[] = { "from", "steps",  "to",    "dead",
					   "vars", "memory", "order", "tests" };
	const struct opt *tables[] = { d->place.port->options,
				       common_options(d->place.port, d->place.role) };
	const char *owner = owner_of(p, word, d->place.role), *near;

	for (size_t i = 0; i < ARRAY_SIZE(top); i++)
		if (slice_eq_str(word, top[i]))
			return arena_printf(p->arena,
					    "'%s' stands at the top level: is it indented too far?",
					    top[i]);
	if (is_glued(key))
		return "a blank is missing after ':'";
	if (key->in_flow && memchr(word.p, ' ', word.n))
		return "inside { } a comma ends a value: put the whole value in quotes";
	if (d->place.role == ROLE_SOURCE && means_every(word))
		return "write every: 30m, or every: {cron: '0 6 * * 1-5', zone: Europe/Berlin}";
	if (owner)
		return arena_printf(p->arena, "'%.*s' is an option of %s", SHOWN(word), owner);
	if ((near = options_nearest(tables, ARRAY_SIZE(tables), word)))
		return arena_printf(p->arena, "did you mean '%s'?", near);
	return arena_printf(p->arena, "'hocket connectors %s' lists its options",
			    d->place.port->name);
}

/* A common option that other places have already. */
static enum later later_of_place(const struct draft *d)
{
	if (d->place.role == ROLE_STEP)
		return LATER_OF_PURE;
	return d->place.role == ROLE_SOURCE ? LATER_OF_SOURCE : LATER_OF_SINK;
}

static const char *hint_for_common(struct planner *p, const struct draft *d, struct slice word)
{
	const char *name = d->place.port->name;
	if (means_every(word) && d->place.role != ROLE_SOURCE)
		return "it is for sources, in from:, and for steps that hold records";
	if (d->place.port->apply)
		return "it is for steps that call out";
	if (d->place.role != ROLE_SINK || !registry_find(p->registry, slice_str(name), ROLE_STEP))
		return NULL;
	return arena_printf(p->arena, "a step may have it: put %s into steps:, another sink behind",
			    name);
}

static void report_unknown(struct planner *p, const struct draft *d, const struct node *key)
{
	const char *role = role_name(d->place.role), *name = d->place.port->name;
	struct slice word = key->text;

	if (d->place.role == ROLE_STEP && registry_find(p->registry, word, ROLE_STEP))
		diag_add(p->diag, key->at, key->length,
			 "begin it with '- ' to make it the next step",
			 "'%.*s' is no option of '%s'", SHOWN(word), name);
	else if (later_word(word, LATER_OPTION) && !owner_of(p, word, d->place.role))
		diag_add(p->diag, key->at, key->length, NULL,
			 "'%.*s' is not in this version of hocket yet", SHOWN(word));
	else if (later_word(word, later_of_place(d)))
		diag_add(p->diag, key->at, key->length, NULL,
			 "'%.*s' for %s '%s' is not in this version of hocket yet", SHOWN(word),
			 role, name);
	else if (is_common(word))
		diag_add(p->diag, key->at, key->length, hint_for_common(p, d, word),
			 "'%.*s' has no meaning for %s '%s'", SHOWN(word), role, name);
	else
		diag_add(p->diag, key->at, key->length, hint_for_unknown(p, d, key),
			 "unknown option '%.*s' for %s '%s'", SHOWN(word), role, name);
}

static void check_keys(struct planner *p, const struct draft *d)
{
	const struct opt *common = common_options(d->place.port, d->place.role);

	for (size_t i = 0; d->map && i < d->map->n; i++) {
		const struct node *key = &d->map->keys[i];
		bool known = options_find(d->place.port->options, key->text) ||
			     options_find(common, key->text);
		if (!known && key != d->verb)
			report_unknown(p, d, key);
		else if (!known && !node_empty(&d->map->items[i]))
			diag_add(p->diag, d->map->items[i].at, d->map->items[i].length, NULL,
				 "'%s' takes no value", d->place.port->name);
	}
}

/* ---- options and facts --------------------------------------------------------------------------------------- */

/* The value, or its key if the value is no scalar; "a.b" looks into a's mapping. NULL: not in the file. */
const struct node *node_find(const struct node *map, const char *option)
{
	const char *dot = strchr(option, '.');
	size_t n = dot ? (size_t)(dot - option) : strlen(option);

	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++) {
		const struct node *value = &map->items[i], *inner;
		if (!slice_eq(map->keys[i].text, (struct slice){ option, n }))
			continue;
		if (dot && (inner = node_find(value, dot + 1)))
			return inner;
		return value->kind >= NODE_LIST || value->length == 0 ? &map->keys[i] : value;
	}
	return NULL;
}

static void locate(void *arg, const char *option, size_t *ret_offset, size_t *ret_length)
{
	const struct draft *d = arg;

	ASSERT(d->place.port && d->verb);
	const struct node *at = node_find(d->map, option ? option : d->place.port->name);

	if (!at)
		at = d->verb;
	*ret_offset = at->at;
	*ret_length = at->length;
}

unsigned place_line(const struct planner *p, const struct node *node)
{
	unsigned line = 1;
	for (size_t i = 0; i < node->at && i < p->file.n; i++)
		line += p->file.p[i] == '\n';
	return line;
}

/* A text without the record in it would be everybody's key: the far side would take all records for one. */
static void check_idempotency_key(struct planner *p, const struct draft *d)
{
	const struct common *o = &d->place.common;
	const struct node *at = node_find(d->map, "idempotency_key");
	if (at && o->idempotency_key && tpl_constant(o->idempotency_key) && !common_key_is_auto(o))
		diag_add(p->diag, at->at, at->length,
			 "write auto, or a key of your own: 'order-\\(.id)'",
			 "this is the same key for every record");
}

static void refuse_key(struct planner *p, const struct draft *d)
{
	const struct node *at = node_key(d->map, "idempotency_key");
	if (at && d->place.facts.named)
		diag_add(p->diag, at->at, at->length, "each one has a name of its own as it is",
			 "'%s' has no key by which the far side would do it once",
			 d->place.port->name);
}

/* What the engine adds: a key makes a call harmless twice, its answer is worth keeping all the same. */
static void keep_promises(struct place *place)
{
	struct facts *f = &place->facts;
	bool writes = place->port->call && f->effect == EFFECT_WRITES;
	f->paid = writes && f->guarantee == APPEND_ONLY;
	if (f->paid && place->common.idempotency_key)
		f->guarantee = IDEMPOTENT;
}

/* What is read again for ever has no end. */
static void schedule(struct planner *p, struct draft *d)
{
	struct place *place = &d->place;
	struct facts *f = &place->facts;
	if (!schedule_is_given(&place->common.every))
		return;
	const struct node *at = node_find(d->map, "every");
	if (f->endless || f->restart == RESTART_LOSES) {
		diag_add(p->diag, at->at, at->length, "leave 'every' out",
			 f->endless ? "'%s' has no end: there is nothing to read again"
				    : "'%s' cannot be read again",
			 place->port->name);
		return;
	}
	f->rounds = true;
	f->endless = !p->once;
	f->anew = f->endless && f->restart == RESTART_ASKS && !f->onward;
	if (p->once)
		place->common.every = (struct schedule){ 0 };
}

static void fill(struct planner *p, struct draft *d)
{
	struct place *place = &d->place;
	const struct port *port = place->port;
	size_t before = diag_count(p->diag);
	char owner[100];

	snprintf(owner, sizeof owner, "%s '%s'", role_name(place->role), port->name);
	ASSERT(port->roles & place->role);
	ASSERT(!port->call || port->ask);
	void *options = arena_zero(p->arena, port->options_size + 1);
	p->spelt = false;
	misplaced_check(p, d);
	options_fill(p, port->options, NULL, d->map, d->verb, owner, options);
	options_fill(p, common_options(port, place->role), port->options, d->map, d->verb, owner,
		     &place->common);
	check_keys(p, d);
	check_idempotency_key(p, d);
	place->options = options;
	place->line = place_line(p, d->verb);
	place->label = place->common.name;
	if (diag_count(p->diag) > before)
		return;
	diag_place(p->diag, locate, d);
	place->facts.spelt = p->spelt;
	if (port->plan)
		(void)port->plan(options, &place->facts, p->diag);
	diag_place(p->diag, NULL, NULL);
	refuse_key(p, d);
	schedule(p, d);
	keep_promises(place);
	d->good = diag_count(p->diag) == before;
}

/* ---- the shapes of a place ------------------------------------------------------------------------------------- */

static bool has_required(const struct port *port)
{
	for (const struct opt *o = port->options; o && o->name; o++)
		if (o->required)
			return true;
	return false;
}

static void report_needs_value(struct planner *p, const struct node *node, const struct port *port,
			       enum role role)
{
	const char *form = role == ROLE_SOURCE ? "write from: {%s: ...}"
			   : role == ROLE_SINK ? "write to: {%s: ...}"
					       : "write - %s: ...";
	diag_add(p->diag, node->at, node->length, arena_printf(p->arena, form, port->name),
		 "'%s' needs a value", port->name);
}

/* A file by its name alone: the connector whose name its ending is. */
static const struct port *port_of_ending(struct planner *p, struct slice path, enum role role)
{
	static const char *const other_endings[][2] = { { "ndjson", "jsonl" },
							{ "txt", "lines" },
							{ "db", "sqlite" },
							{ "sqlite3", "sqlite" } };
	const char *dot = path.n ? memrchr(path.p, '.', path.n) : NULL;
	struct slice ending = dot ? slice_from(path, (size_t)(dot - path.p) + 1) : S("");

	for (size_t i = 0; i < ARRAY_SIZE(other_endings); i++)
		if (slice_eq_str(ending, other_endings[i][0]))
			ending = slice_str(other_endings[i][1]);
	return ending.n ? registry_find(p->registry, ending, role) : NULL;
}

/* false: its ending says nothing. */
static bool report_file(struct planner *p, const struct node *node, enum role role)
{
	const struct port *port = role == ROLE_STEP ? NULL : port_of_ending(p, node->text, role);
	const char *more = "";

	if (!port)
		return false;
	for (const struct opt *o = port->options; o && o->name; o++)
		if (o->required && !o->verb)
			more = arena_printf(p->arena, "%s, %s: NAME", more, o->name);
	diag_add(p->diag, node->at, node->length,
		 arena_printf(p->arena, "write {%s: %.*s%s}", port->name, SHOWN(node->text), more),
		 "'%.*s' is no %s", SHOWN(node->text), role_name(role));
	return true;
}

static void report_no_place(struct planner *p, const struct node *node, enum role role)
{
	const char *form = role == ROLE_STEP ? "a step is 'verb: value'; verbs are %s"
					     : "write {jsonl: FILE}, or another of %s";
	diag_add(p->diag, node->at, node->length, arena_printf(p->arena, form, names_of(p, role)),
		 "'%.*s' is no %s", SHOWN(node->text), role_name(role));
}

/* `from: stdin`, `to: null`: a connector without a value. */
static const struct port *bare_port(struct planner *p, const struct node *node, enum role role)
{
	const struct port *port =
		registry_find(p->registry, node->kind == NODE_NULL ? S("null") : node->text, role);

	if (node_empty(node))
		diag_add(p->diag, node->at, node->length,
			 role == ROLE_SINK ? "'to: null' drops the records" : NULL,
			 "this %s is empty", role_name(role));
	else if (port && !has_required(port))
		return port;
	else if (port)
		report_needs_value(p, node, port, role);
	else if (slice_eq(node->text, S("-")))
		diag_add(p->diag, node->at, node->length,
			 role == ROLE_SOURCE ? "write stdin" : "write stdout", "'-' is no %s",
			 role_name(role));
	else if (!report_file(p, node, role) && !report_word(p, node, role))
		report_no_place(p, node, role);
	return NULL;
}

void place_parse(struct planner *p, const struct node *node, enum role role, struct draft *ret)
{
	*ret = (struct draft){ .place.role = role, .verb = node };
	if (node->kind == NODE_LIST) {
		diag_add(p->diag, node->at, node->length, NULL, "a %s is a mapping, not a list",
			 role_name(role));
		return;
	}
	if (node->kind == NODE_MAP) {
		size_t verb = find_verb(p, node, role);
		if (verb == node->n)
			return;
		ret->map = node;
		ret->verb = &node->keys[verb];
		ret->place.port = registry_find(p->registry, ret->verb->text, role);
		ASSERT(ret->place.port);
	} else {
		ret->place.port = bare_port(p, node, role);
	}
	if (ret->place.port)
		fill(p, ret);
}
