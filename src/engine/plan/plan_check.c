/* plan_check.c - what only shows when all places are known: names, contradictions, the hash
 *
 * What this room is for: the last look before a plan is given out.
 * What flows through:    drafts of all places; labels and a hash out, mistakes into the diag.
 * What must hold:
 *  (1) labels differ among the sources, the steps and the sinks: given names (unique in the file) first, then verbs with a
 *      number behind ("http", "http 2").
 *  (2) the hash is a function of what makes a pipeline "changed": order and verbs of the places and every option that is not
 *      `tuning`, as written. Where a path counts from, the value of a secret and the file's layout are not in it.
 *  (3) `into` and `result` may stand together (the whole answer, and a field of it); `emit` stands alone, because it says
 *      what the records are. */
#include "base/hash.h"
#include "engine/plan/classes.h"
#include "engine/plan/planning.h"

#include "base/banned.h"

/* ---- names ------------------------------------------------------------------------------------------------- */

struct labels {
	const char **v;
	size_t n;
};

static bool taken(const struct labels *l, const char *label)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], label) == 0)
			return true;
	return false;
}

static void take_given(struct planner *p, struct labels *l, struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->n; i++) {
		struct draft *d = &drafts->v[i];
		const struct node *at = node_get(d->map, "name");
		const char *label = d->place.label;
		if (!label || !at)
			continue;
		if (label[0] == '\0' || strlen(label) > 64)
			diag_add(p->diag, at->at, at->length, NULL, "a name has 1 to 64 letters");
		else if (taken(l, label))
			diag_add(p->diag, at->at, at->length,
				 "dead letters and accounts tell places by their names",
				 "two places have the name '%s'", label);
		l->v[l->n++] = label;
	}
}

/* How many places before this one have the same connector. */
static size_t count_alike(const struct drafts *drafts, size_t before, const struct port *port)
{
	size_t n = 0;
	for (size_t i = 0; i < before; i++)
		n += drafts->v[i].place.port == port;
	return n;
}

static void make_missing(struct planner *p, struct labels *l, struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->n; i++) {
		struct place *place = &drafts->v[i].place;
		if (place->label || !place->port)
			continue;
		size_t k = count_alike(drafts, i, place->port) + 1;
		const char *label = k > 1 ? arena_printf(p->arena, "%s %zu", place->port->name, k)
					  : place->port->name;
		while (taken(l, label))
			label = arena_printf(p->arena, "%s %zu", place->port->name, ++k);
		place->label = l->v[l->n++] = label;
	}
}

void places_name(struct planner *p, struct drafts *sources, struct drafts *steps,
		 struct drafts *sinks)
{
	struct drafts *const all[] = { steps, sources, sinks };
	struct labels l = { .v = arena_zero(p->arena,
					    (sources->n + steps->n + sinks->n + 1) * sizeof *l.v) };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		take_given(p, &l, all[i]);
	size_t given = l.n;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++, l.n = given)
		make_missing(p, &l, all[i]);
}

/* ---- contradictions ------------------------------------------------------------------------------------------ */

static void check_answer(struct planner *p, const struct draft *d)
{
	const struct common *c = &d->place.common;
	const struct node *emit = node_key(d->map, "emit");

	if (!emit || !c->emit || (c->into.n == 0 && !c->result.value))
		return;
	diag_add(p->diag, emit->at, emit->length,
		 "let emit place the answer: {..., answer: $res.body}",
		 "'emit' and '%s' cannot stand together", c->into.n > 0 ? "into" : "result");
}

static bool same_file(const struct draft *a, const struct draft *b)
{
	const struct slice x = a->place.facts.door, y = b->place.facts.door;
	return a->good && b->good && x.n > 0 && x.p[0] == '/' && slice_eq(x, y);
}

/* A call for several has an answer for each and one price. */
static void check_batch(struct planner *p, const struct draft *d)
{
	const struct common *c = &d->place.common;
	const struct node *at = node_key(d->map, "batch");
	if (at && c->batch > 1 && c->rate.used)
		diag_add(p->diag, at->at, at->length, "leave `used` out of `rate`",
			 "'batch' and what a single request has used cannot stand together");
}

static bool reads_file(const struct draft *source, const char *path)
{
	const struct place *p = &source->place;
	return source->good && path[0] == '/' && p->port->reads && p->port->reads(p->options, path);
}

/* A pattern would find it on the next run, as a file that is new. */
static void check_found(struct planner *p, const char *path, const struct node *at,
			const struct drafts *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (reads_file(&sources->v[i], path))
			diag_add(p->diag, at->at, at->length, "put it into another folder",
				 "the pipeline would read this file, which it writes itself");
}

/* What it writes over, it says itself. */
static void check_feeding(struct planner *p, const struct draft *sink, const struct drafts *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (sink->place.facts.finite_output && same_file(sink, &sources->v[i]))
			return;
	if (sink->good && sink->place.facts.door.n)
		check_found(p, arena_str(p->arena, sink->place.facts.door), sink->verb, sources);
}

/* A file that is made anew at the end of the run cannot be something else as well. */
static void check_output(struct planner *p, const struct draft *sink, const struct drafts *sources,
			 const struct drafts *sinks, const char *dead_path, const struct node *dead)
{
	const struct node *at = sink->verb;

	if (!sink->good || !sink->place.facts.finite_output)
		return;
	for (size_t i = 0; i < sources->n; i++)
		if (same_file(sink, &sources->v[i]))
			diag_add(p->diag, at->at, at->length, NULL,
				 "the pipeline would write over the file that it reads");
	for (const struct draft *other = sinks->v; other < sink; other++)
		if (same_file(sink, other))
			diag_add(p->diag, at->at, at->length, NULL,
				 "two sinks write the same file");
	if (dead && dead_path && slice_eq_str(sink->place.facts.door, dead_path))
		diag_add(p->diag, dead->at, dead->length, NULL,
			 "dead letters would go into the file that a sink writes");
}

/* ---- steps that need others ---------------------------------------------------------------------------------- */

static bool holds(const struct draft *d)
{
	return d->good && (d->place.port->build || d->place.port->key);
}

static void refuse_join(struct planner *p, const struct draft *join, const struct draft *fold)
{
	const struct node *verb = join->verb;
	const char *name = join->place.port->name;
	if (fold)
		diag_add(p->diag, verb->at, verb->length,
			 "what that gives was not made by 'emit': join before it",
			 "'%s' has no 'emit' between '%s' and itself", name,
			 fold->place.port->name);
	else
		diag_add(p->diag, verb->at, verb->length,
			 "it takes back what the nearest 'emit' above it has made",
			 "'%s' has no 'emit' before it", name);
}

/* What is expanded above it, brackets within brackets; a step that holds records makes others of them. */
static void check_join(struct planner *p, const struct drafts *steps, size_t at)
{
	size_t closed = 0;
	for (size_t i = at; i-- > 0;) {
		const struct draft *d = &steps->v[i];
		bool expands = d->good && (d->place.facts.many || d->place.common.emit);
		if (holds(d)) {
			refuse_join(p, &steps->v[at], d);
			return;
		}
		closed += d->good && d->place.port->gather;
		if (expands && closed == 0)
			return;
		closed -= expands;
	}
	refuse_join(p, &steps->v[at], NULL);
}

/* Closed at the end of the input, which never comes. */
static void check_window(struct planner *p, const struct draft *d, const struct drafts *sources)
{
	const struct facts *f = &d->place.facts;
	const char *cure = d->place.port->key && d->place.port->build ? "give it `every` or `max`"
								      : "give it a 'window'";
	if (f->window || f->linger_ns || f->closes)
		return;
	for (size_t i = 0; i < sources->n; i++)
		if (sources->v[i].good && sources->v[i].place.facts.endless)
			diag_add(p->diag, d->verb->at, d->verb->length, cure,
				 "'%s' waits for the end of the input, and '%s' has none",
				 d->place.port->name, sources->v[i].place.port->name);
}

static void check_folds(struct planner *p, const struct drafts *sources, const struct drafts *steps)
{
	size_t folds = 0;
	for (size_t i = 0; i < steps->n; i++) {
		const struct draft *d = &steps->v[i];
		if (d->good && d->place.port->gather)
			check_join(p, steps, i);
		if (!holds(d))
			continue;
		check_window(p, d, sources);
		if (++folds == PLAN_FOLDS_MAX + 1)
			diag_add(p->diag, d->verb->at, d->verb->length, NULL,
				 "a pipeline has at most %d steps that hold records",
				 PLAN_FOLDS_MAX);
	}
}

/* ---- what has no end ------------------------------------------------------------------------------------------- */

/* What stands behind it would never be read. */
static void check_last(struct planner *p, const struct drafts *sources)
{
	for (size_t i = 0; i + 1 < sources->n; i++) {
		const struct draft *d = &sources->v[i];
		if (d->good && d->place.facts.endless)
			diag_add(p->diag, d->verb->at, d->verb->length,
				 "put it last, or into a pipeline of its own",
				 "'%s' never ends: the sources behind it would never be read",
				 d->place.port->name);
	}
}

static void check_output_ends(struct planner *p, const struct draft *sink,
			      const struct drafts *sources)
{
	const struct draft *last = sources->n ? &sources->v[sources->n - 1] : NULL;
	if (last && last->good && last->place.facts.endless && sink->good &&
	    sink->place.facts.needs_end)
		diag_add(p->diag, sink->verb->at, sink->verb->length,
			 "write jsonl or csv, or leave 'every' out and run it from cron",
			 "'%s' can be read only when the run has ended, and '%s' never ends",
			 sink->place.port->name, last->place.port->name);
}

void places_check(struct planner *p, const struct drafts *sources, const struct drafts *steps,
		  const struct drafts *sinks, const char *dead_path, const struct node *dead)
{
	check_folds(p, sources, steps);
	check_last(p, sources);
	for (size_t i = 0; i < steps->n; i++) {
		check_answer(p, &steps->v[i]);
		check_batch(p, &steps->v[i]);
	}
	for (size_t i = 0; i < sinks->n; i++)
		check_output_ends(p, &sinks->v[i], sources);
	for (size_t i = 0; i < sinks->n; i++)
		check_output(p, &sinks->v[i], sources, sinks, dead_path, dead);
	for (size_t i = 0; i < sinks->n; i++)
		check_feeding(p, &sinks->v[i], sources);
	if (dead && dead_path)
		check_found(p, dead_path, dead, sources);
}

static void check_exact(struct planner *p, const struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->n; i++) {
		const struct draft *d = &drafts->v[i];
		const struct promise *promise = d->good ? promise_of(&d->place) : NULL;
		if (promise && promise->cure)
			diag_add(p->diag, d->verb->at, d->verb->length, promise->cure,
				 "'guarantee: exactly_once' cannot be kept: '%s' is %c, %s: %s",
				 d->place.label ? d->place.label : d->place.port->name,
				 promise->letter, promise->name, promise->words);
	}
}

void places_check_exact(struct planner *p, const struct drafts *sources, const struct drafts *steps,
			const struct drafts *sinks)
{
	check_exact(p, sources);
	check_exact(p, steps);
	check_exact(p, sinks);
}

/* ---- the hash -------------------------------------------------------------------------------------------------- */

struct hashing {
	uint64_t h;
	const struct planner *p;
	bool vars; /* a text names $vars: then their values are part of what the pipeline does */
};

static void add_text(struct hashing *h, struct slice text)
{
	char size[24];
	int n = snprintf(size, sizeof size, "%zu:", text.n);
	h->h = hash_add(hash_add(h->h, (struct slice){ size, (size_t)n }), text);
	h->vars |= text.n > 0 && memmem(text.p, text.n, "$vars", 5) != NULL;
}

/* As deep as the tree, which YAML_MAX_DEPTH bounds. */
static void add_node(struct hashing *h, const struct node *node)
{
	char kind = (char)('0' + node->kind);
	h->h = hash_add(h->h, (struct slice){ &kind, 1 });
	add_text(h, node->text);
	for (size_t i = 0; i < node->n; i++) {
		if (node->kind == NODE_MAP)
			add_text(h, node->keys[i].text);
		add_node(h, &node->items[i]);
	}
	for (const struct side_text *side = h->p->sides; side; side = side->next)
		if (side->node == node)
			add_text(h, side->text);
	h->h = hash_add(h->h, S(";"));
}

/* As add_node, without what is tuning in a sub-table. */
static void add_table(struct hashing *h, const struct opt *o, const struct node *node)
{
	h->h = hash_add(h->h, (struct slice){ &(char){ (char)('0' + node->kind) }, 1 });
	add_text(h, node->text);
	for (size_t i = 0; i < node->n; i++) {
		const struct opt *sub = options_find(o->sub, node->keys[i].text);
		if (sub && sub->tuning)
			continue;
		add_text(h, node->keys[i].text);
		add_node(h, &node->items[i]);
	}
	h->h = hash_add(h->h, S(";"));
}

static void add_options(struct hashing *h, const struct draft *d, const struct opt *table)
{
	for (const struct opt *o = table; o && o->name; o++) {
		const struct node *value = o->tuning ? NULL : node_get(d->map, o->name);
		if (!value || (o->fallback && value->kind < NODE_LIST &&
			       slice_eq_str(value->text, o->fallback)))
			continue;
		add_text(h, slice_str(o->name));
		if (o->type == OPT_TABLE && value->kind == NODE_MAP)
			add_table(h, o, value);
		else
			add_node(h, value);
	}
}

static void add_place(struct hashing *h, const struct draft *d)
{
	ASSERT(d->good && d->place.label);
	add_text(h, slice_str(d->place.port->name));
	add_options(h, d, d->place.port->options);
	add_options(h, d, common_options(d->place.port, d->place.role));
	h->h = hash_add(h->h, S("\n"));
}

static void add_places(struct hashing *h, const struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->n; i++)
		add_place(h, &drafts->v[i]);
	h->h = hash_add(h->h, S("\f"));
}

uint64_t place_hash(const struct planner *p, const struct draft *d)
{
	struct hashing h = { .h = HASH_START, .p = p };
	add_place(&h, d);
	if (h.vars)
		add_text(&h, p->vars);
	return hash_end(h.h);
}

uint64_t places_hash(const struct planner *p, const struct drafts *sources,
		     const struct drafts *steps, const struct drafts *sinks)
{
	struct hashing h = { .h = HASH_START, .p = p };

	add_places(&h, sources);
	add_places(&h, steps);
	add_places(&h, sinks);
	if (h.vars)
		add_text(&h, p->vars);
	return hash_end(h.h);
}
