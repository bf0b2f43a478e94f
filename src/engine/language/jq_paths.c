/* jq_paths.c - all the fields that a program reads of the record, in one pass over its text
 *
 * What this room is for: `map: {id, name: .user.name, ...}` scans a record once, not once per field.
 * What flows through:    the record's text; slices of it, one per path of the plan.
 * What must hold:
 *  (1) of equal keys the last counts: a level is scanned to its end before what it holds is looked into.
 *  (2) a path that meets something that is neither object nor null is BLOCKED: evaluating it step by step finds jq's words. */
#include "engine/language/jq_eval.h"
#include <string.h>

#include "base/banned.h"

enum { LEVEL_MAX = 64 }; /* children of one level that are looked for in one pass */

static bool key_is(struct eval *ev, struct slice raw, struct slice key)
{
	if (raw.n == key.n + 2 && memcmp(raw.p + 1, key.p, key.n) == 0)
		return true;
	if (raw.n <= key.n + 2 || !memchr(raw.p, '\\', raw.n))
		return false;
	struct val quoted = val_text(raw);
	return slice_eq(val_string(ev, &quoted), key);
}

static void mark(struct eval *ev, const struct path *path, int state)
{
	for (; path; path = path->next) {
		if (path->slot >= 0)
			ev->paths[path->slot].state = state;
		mark(ev, path->child, state);
	}
}

static void find_level(struct eval *ev, const struct path *first, struct slice text);

static void descend(struct eval *ev, const struct path *path, struct slice value, bool found)
{
	if (path->slot >= 0)
		ev->paths[path->slot] =
			(struct path_slot){ found ? PATH_FOUND : PATH_NOT_THERE, value };
	if (!path->child)
		return;
	enum json_type type = found ? json_type(value) : JSON_NULL;
	if (type == JSON_OBJECT)
		find_level(ev, path->child, value);
	else
		mark(ev, path->child, type == JSON_NULL ? PATH_NOT_THERE : PATH_BLOCKED);
}

/* The children from `first` on, at most LEVEL_MAX of them; returns the next one. */
static const struct path *find_some(struct eval *ev, const struct path *first, struct slice text)
{
	struct slice values[LEVEL_MAX];
	bool found[LEVEL_MAX];
	struct json_iter it = json_iter(text);
	struct slice raw, value;
	size_t n = 0, i;
	const struct path *end = first;
	for (; end && n < LEVEL_MAX; end = end->next)
		found[n++] = false;
	while (json_next(&it, &raw, &value)) {
		const struct path *path = first;
		for (i = 0; path != end && !key_is(ev, raw, path->key); path = path->next)
			i++;
		if (path != end) {
			values[i] = value;
			found[i] = true;
		}
	}
	i = 0;
	for (const struct path *path = first; path != end; path = path->next, i++)
		descend(ev, path, found[i] ? values[i] : (struct slice){ 0 }, found[i]);
	return end;
}

static void find_level(struct eval *ev, const struct path *first, struct slice text)
{
	while (first)
		first = find_some(ev, first, text);
}

void paths_find(struct eval *ev)
{
	ASSERT(!ev->paths && ev->program->path_count);
	ev->paths = arena_alloc(ev->arena, ev->program->path_count * sizeof(*ev->paths));
	if (ev->record.type == JSON_OBJECT)
		find_level(ev, ev->program->paths, ev->record.s);
	else
		mark(ev, ev->program->paths,
		     ev->record.type == JSON_NULL ? PATH_NOT_THERE : PATH_BLOCKED);
}
