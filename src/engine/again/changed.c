/* changed.c - which places of a pipeline were changed since a run
 *
 * What this room is for: "it was changed" is of little use when one does not know what; the hash of the whole plan cannot say.
 * What flows through:    the plan's places now, and a text about the places of then.
 * What must hold:
 *  (1) a place is known by its role and label; what only moved is named as well.
 *  (2) a verb that is counted (http, http 2) names its place only as long as their number and order are those of then.
 *  (3) states of earlier versions have no such text: then it says so in as many words. */
#include "engine/again/changed.h"

#include <inttypes.h>

enum { PLACES_MAX = 3 }; /* so many are named */

struct list {
	const struct place *v;
	size_t n;
};
struct naming {
	struct buf *out;
	size_t n;
};

static const char *role_name(const struct place *p)
{
	return p->role == ROLE_SOURCE ? "from" : p->role == ROLE_SINK ? "to" : "step";
}

static void lists_of(const struct plan *p, struct list ret[3])
{
	ret[0] = (struct list){ p->sources, p->source_count };
	ret[1] = (struct list){ p->steps, p->step_count };
	ret[2] = (struct list){ p->sinks, p->sink_count };
}

int changed_put_parts(const struct plan *plan, struct buf *out)
{
	struct list lists[3];
	int r = 0;
	lists_of(plan, lists);
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; i < lists[k].n && r == 0; i++) {
			const struct place *p = &lists[k].v[i];
			r = buf_printf(out, "%s %s %016" PRIx64 "\n", role_name(p), p->label,
				       p->hash);
		}
	return r;
}

/* ---- comparing ---- */
static int name_it(struct naming *to, struct slice role, struct slice label, const char *what)
{
	if (++to->n > PLACES_MAX)
		return 0;
	return buf_printf(to->out, "%s%.*s '%.*s'%s", to->n > 1 ? ", " : "", SLICE(role),
			  SLICE(label), what);
}

/* "step my label 0123456789abcdef" into its three; the label may have blanks. */
static bool cut_line(struct slice line, struct slice *role, struct slice *label, struct slice *hash)
{
	struct slice rest;
	if (line.n < 20 || !slice_cut(line, ' ', role, &rest) || rest.n < 17)
		return false;
	*hash = (struct slice){ rest.p + rest.n - 16, 16 };
	*label = slice_head(rest, rest.n - 17);
	return true;
}

static const struct place *find(const struct list lists[3], struct slice role, struct slice label)
{
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < lists[k].n; i++)
			if (slice_eq_str(label, lists[k].v[i].label) &&
			    slice_eq_str(role, role_name(&lists[k].v[i])))
				return &lists[k].v[i];
	return NULL;
}

/* Those of then: changed or gone. */
static int name_old(struct naming *to, const struct list lists[3], struct slice parts)
{
	struct slice line, role, label, hash;
	int r = 0;
	while (parts.n && r == 0) {
		slice_cut(parts, '\n', &line, &parts);
		if (!cut_line(line, &role, &label, &hash))
			continue;
		const struct place *p = find(lists, role, label);
		char now[20];
		snprintf(now, sizeof now, "%016" PRIx64, p ? p->hash : 0);
		if (!p)
			r = name_it(to, role, label, " is gone");
		else if (!slice_eq_str(hash, now))
			r = name_it(to, role, label, "");
	}
	return r;
}

static bool was_there(const struct place *p, struct slice parts)
{
	struct slice line, role, label, hash;
	while (parts.n) {
		slice_cut(parts, '\n', &line, &parts);
		if (cut_line(line, &role, &label, &hash) && slice_eq_str(label, p->label) &&
		    slice_eq_str(role, role_name(p)))
			return true;
	}
	return false;
}

static int name_new(struct naming *to, const struct list lists[3], struct slice parts)
{
	int r = 0;
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < lists[k].n && r == 0; i++) {
			const struct place *p = &lists[k].v[i];
			if (!was_there(p, parts))
				r = name_it(to, slice_str(role_name(p)), slice_str(p->label),
					    " is new");
		}
	return r;
}

int changed_put(const struct plan *plan, struct slice parts, struct buf *out)
{
	struct list lists[3];
	struct naming to = { .out = out };
	if (parts.n == 0)
		return buf_add(out, S("something"));
	lists_of(plan, lists);
	int r = name_old(&to, lists, parts);
	if (r == 0)
		r = name_new(&to, lists, parts);
	if (r == 0 && to.n == 0)
		r = buf_add(out, S("the order of its parts"));
	if (r == 0 && to.n > PLACES_MAX)
		r = buf_printf(out, " and %zu more", to.n - PLACES_MAX);
	return r;
}

bool changed_keeps_sources(const struct plan *plan, struct slice parts)
{
	struct slice line, role, label, hash;
	size_t i = 0;
	while (parts.n) {
		char now[20];
		slice_cut(parts, '\n', &line, &parts);
		if (!cut_line(line, &role, &label, &hash) || !slice_eq_str(role, "from"))
			continue;
		if (i == plan->source_count)
			return false;
		snprintf(now, sizeof now, "%016" PRIx64, plan->sources[i++].hash);
		if (!slice_eq_str(hash, now))
			return false;
	}
	return i > 0 && i == plan->source_count;
}

bool changed_keeps(const struct place *p, struct slice parts)
{
	struct slice line, role, label, hash;
	char now[20];
	snprintf(now, sizeof now, "%016" PRIx64, p->hash);
	while (parts.n) {
		slice_cut(parts, '\n', &line, &parts);
		if (cut_line(line, &role, &label, &hash) && slice_eq_str(label, p->label) &&
		    slice_eq_str(role, role_name(p)))
			return slice_eq_str(hash, now);
	}
	return false;
}

static size_t count_sinks(struct slice parts)
{
	struct slice line;
	size_t n = 0;
	while (parts.n) {
		slice_cut(parts, '\n', &line, &parts);
		n += slice_starts(line, S("to "));
	}
	return n;
}

bool changed_keeps_sinks(const struct plan *plan, struct slice parts)
{
	struct list lists[3];
	size_t n = 0;
	bool same = true;
	lists_of(plan, lists);
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			const struct place *p = &lists[k].v[i];
			if (p->role != ROLE_SINK)
				continue;
			n++;
			same &= p->port->call ? was_there(p, parts) : changed_keeps(p, parts);
		}
	return same && n == count_sinks(parts);
}

/* ---- did it move? ---- */

/* "http", "http 2": a label that the verb gave. */
static bool is_counted(struct slice label, const char *verb)
{
	struct slice rest;
	if (!slice_starts(label, slice_str(verb)))
		return false;
	rest = slice_from(label, strlen(verb));
	if (rest.n == 0)
		return true;
	for (size_t i = 1; i < rest.n; i++)
		if (rest.p[i] < '0' || rest.p[i] > '9')
			return false;
	return rest.n > 1 && rest.p[0] == ' ';
}

static bool is_alike(const struct place *p, const struct place *other)
{
	return other->role == p->role && other->port == p->port && !other->common.name;
}

/* How many there are now, and whether this hash is among the others. */
static size_t count_now(const struct plan *plan, const struct place *p, struct slice hash,
			bool *elsewhere)
{
	struct list lists[3];
	char now[20];
	size_t n = 0;
	lists_of(plan, lists);
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			const struct place *other = &lists[k].v[i];
			if (!is_alike(p, other))
				continue;
			snprintf(now, sizeof now, "%016" PRIx64, other->hash);
			*elsewhere |= other != p && slice_eq_str(hash, now);
			n++;
		}
	return n;
}

bool changed_moves(const struct plan *plan, const struct place *p, struct slice parts)
{
	struct slice line, role, label, hash, then = { 0 };
	char now[20];
	size_t n = 0;
	bool elsewhere = false;
	snprintf(now, sizeof now, "%016" PRIx64, p->hash);
	if (p->common.name || parts.n == 0)
		return false;
	while (parts.n) {
		slice_cut(parts, '\n', &line, &parts);
		if (!cut_line(line, &role, &label, &hash) || !slice_eq_str(role, role_name(p)) ||
		    !is_counted(label, p->port->name))
			continue;
		n++;
		if (slice_eq_str(label, p->label))
			then = hash;
		else
			elsewhere |= slice_eq_str(hash, now);
	}
	if (slice_eq_str(then, now))
		return false;
	return count_now(plan, p, then, &elsewhere) != n || elsewhere;
}
