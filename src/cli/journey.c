/* journey.c - sightings, gathered by record
 *
 * What this room is for: between the engine, which tells what happens when it happens, and the page that shows one record from
 *   its source to its sinks, while others are on their way.
 * What flows through:    sightings in; whole journeys out, in the order in which their records were read.
 * What must hold:
 *  (1) a record is found by its number and its id: children of one record share the number. (2) what nobody knows (it was dropped)
 *  is not looked at. */
#include "cli/journey.h"
#include <stdlib.h>
#include <string.h>

static struct journey **bucket(struct journeys *js, uint64_t number, uint64_t id)
{
	return &js->table[(number ^ id) % JOURNEY_BUCKETS];
}

static struct journey *find(struct journeys *js, uint64_t number, uint64_t id)
{
	struct journey *j = *bucket(js, number, id);
	while (j && (j->number != number || j->id != id))
		j = j->next_same;
	return j;
}

static struct journey *journey_new(struct journeys *js, const struct sighting *s)
{
	struct journey *j = xcalloc(1, sizeof *j), **at = bucket(js, s->number, s->id);
	j->number = s->number;
	j->id = s->id;
	j->start = rec_ref((struct rec *)s->rec);
	j->next_same = *at;
	*at = j;
	return j;
}

static void forget(struct journeys *js, struct journey *j)
{
	struct journey **at = bucket(js, j->number, j->id);
	while (*at != j)
		at = &(*at)->next_same;
	*at = j->next_same;
}

static void journey_free(struct journeys *js, struct journey *j)
{
	for (struct journey *c = j->first_child, *next; c; c = next) {
		next = c->sibling;
		journey_free(js, c);
	}
	for (size_t i = 0; i < j->n; i++) {
		rec_unref(j->stops[i].after);
		free(j->stops[i].request);
		free(j->stops[i].sends);
	}
	forget(js, j);
	rec_unref(j->start);
	free(j->stops);
	free(j->source);
	free(j);
}

static void unlink_root(struct journeys *js, struct journey *j)
{
	struct journey **at = &js->first, *before = NULL;
	for (; *at != j; at = &(*at)->sibling)
		before = *at;
	*at = j->sibling;
	if (js->last == j)
		js->last = before;
}

/* ---- what is seen ---- */
static void read_one(struct journeys *js, const struct sighting *s)
{
	if (!s->made && s->line < js->from_line)
		return;
	struct journey *j = journey_new(js, s);
	j->source = xstrndup(s->source, strlen(s->source));
	j->line = s->line;
	j->made = s->made;
	*(js->last ? &js->last->sibling : &js->first) = j;
	js->last = j;
}

static void spawn(struct journeys *js, const struct sighting *s)
{
	struct journey *parent = find(js, s->number, s->parent);
	if (!parent)
		return;
	struct journey *j = journey_new(js, s);
	j->parent = parent;
	*(parent->last_child ? &parent->last_child->sibling : &parent->first_child) = j;
	parent->last_child = j;
	if (parent->n == 0)
		return;
	struct stop *stop = &parent->stops[parent->n - 1];
	stop->first_child = stop->first_child ? stop->first_child : j;
	stop->children++;
}

static void arrive(struct journey *j, const struct sighting *s)
{
	if (j->n == j->cap) {
		j->cap = j->cap ? j->cap * 2 : 8;
		j->stops = xrealloc(j->stops, j->cap, sizeof *j->stops);
	}
	j->stops[j->n++] = (struct stop){ .step = s->step, .passed_by = s->what == SIGHT_PASSES };
}

static void call(struct journey *j, const struct sighting *s)
{
	if (j->n == 0)
		return;
	struct stop *stop = &j->stops[j->n - 1];
	free(stop->request);
	free(stop->sends);
	stop->request = xstrndup(s->request.p, s->request.n);
	stop->sends = s->sends.n ? xstrndup(s->sends.p, s->sends.n) : NULL;
	stop->attempts++;
	stop->status = s->status;
	stop->took_ns = s->took_ns;
	stop->bytes = s->bytes;
	memcpy(stop->failed, s->err ? s->err->text : "", s->err ? sizeof stop->failed : 1);
}

static void change(struct journey *j, const struct sighting *s)
{
	if (j->n == 0)
		return;
	struct stop *stop = &j->stops[j->n - 1];
	rec_unref(stop->after);
	stop->after = rec_ref((struct rec *)s->rec);
}

static void failed(struct journeys *js, struct journey *j, const struct sighting *s)
{
	bool again = j->end == SIGHT_FAILED; /* in doubt, then dead */
	j->end = SIGHT_FAILED;
	j->label = s->label;
	err_class(s->err, j->class, sizeof j->class);
	memcpy(j->message, s->err->text, sizeof j->message);
	if (!again && j->n == 0 && !j->parent && js->stillborn)
		js->stillborn(js->arg);
}

static void settle(struct journeys *js, struct journey *j)
{
	unlink_root(js, j);
	js->done(js->arg, j);
	journey_free(js, j);
}

static void see(struct journeys *js, struct journey *j, const struct sighting *s)
{
	switch (s->what) {
	case SIGHT_AT:
	case SIGHT_PASSES:
		arrive(j, s);
		break;
	case SIGHT_CALLED:
		call(j, s);
		break;
	case SIGHT_CHANGED:
		change(j, s);
		break;
	case SIGHT_FAILED:
		failed(js, j, s);
		break;
	case SIGHT_SETTLED:
		settle(js, j);
		break;
	case SIGHT_ROW:
		j->sinks = s->sinks;
		j->end = SIGHT_ROW;
		break;
	default:
		j->end = s->what;
	}
}

static void saw(void *arg, const struct sighting *s)
{
	struct journeys *js = arg;
	if (s->what == SIGHT_READ) {
		read_one(js, s);
	} else if (s->what == SIGHT_SPAWNED) {
		spawn(js, s);
	} else {
		struct journey *j = find(js, s->number, s->id);
		if (j)
			see(js, j, s);
	}
}

/* ---- from outside ---- */
void journeys_init(struct journeys *js, void (*done)(void *arg, const struct journey *root),
		   void *arg)
{
	*js = (struct journeys){ .done = done, .arg = arg };
	js->watch = (struct watch){ saw, js };
}

void journeys_drop_last(struct journeys *js)
{
	struct journey *j = js->last;
	if (!j)
		return;
	unlink_root(js, j);
	journey_free(js, j);
}

void journeys_end(struct journeys *js)
{
	while (js->first)
		settle(js, js->first);
}
