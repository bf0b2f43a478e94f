/* sim_trace.c - two runs of one seed, compared step by step
 *
 * What this room is for: finding what a program takes from elsewhere than its seed. That two runs end alike proves little; a
 *   difference is wanted where it begins, for a thousand steps later everything differs.
 * What flows through:    steps: a task was chosen, the clock moved, bytes left or arrived. Each is folded into one hash; the
 *   first run keeps the list, the second is held against it while it runs.
 * What must hold:
 *  (1) steps are compared by the hash of all that came before as well, so equal at n means equal up to n.
 *  (2) only the first parting is kept: all that follows is its consequence. */
#include "rt/sim_trace.h"
#include "base/hash.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/banned.h"

enum { STEPS_MAX = 1 << 18, TEXT_BYTES = 512 };

struct sim_trace {
	struct trace_step *steps; /* owns; of the first run */
	size_t kept, cap;
	size_t first_n, n; /* steps of the first run, of this one */
	uint64_t first_hash, hash;
	bool second, parted;
	size_t parted_at;
	struct trace_step differs; /* the second run's step there */
	char text[TEXT_BYTES];
};

struct sim_trace *trace_new(void)
{
	struct sim_trace *t = xcalloc(1, sizeof(*t));
	t->hash = HASH_START;
	return t;
}

void trace_free(struct sim_trace *t)
{
	if (!t)
		return;
	free(t->steps);
	free(t);
}

static void keep(struct sim_trace *t, const struct trace_step *step)
{
	if (t->kept == STEPS_MAX)
		return;
	if (t->kept == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 1024;
		t->steps = xrealloc(t->steps, t->cap, sizeof(*t->steps));
	}
	t->steps[t->kept++] = *step;
}

static void compare(struct sim_trace *t, const struct trace_step *step)
{
	size_t at = t->n;

	if (t->parted || (at < t->kept && t->steps[at].hash == step->hash))
		return;
	if (at >= t->kept && at < t->first_n)
		return; /* behind the list: the end will tell */
	t->parted = true;
	t->parted_at = at;
	t->differs = *step;
}

void trace_add(struct sim_trace *t, int64_t at_ns, const char *what, const char *who,
	       int64_t number, struct slice bytes)
{
	struct trace_step step = { .at_ns = at_ns, .what = what, .number = number };
	int64_t numbers[2] = { at_ns, number };

	(void)snprintf(step.who, sizeof(step.who), "%s", who);
	t->hash = hash_add(t->hash, slice_str(what));
	t->hash = hash_add(t->hash, slice_str(step.who));
	t->hash = hash_add(t->hash, (struct slice){ (const char *)numbers, sizeof(numbers) });
	t->hash = hash_add(t->hash, bytes);
	step.hash = t->hash;
	if (t->second)
		compare(t, &step);
	else
		keep(t, &step);
	t->n++;
}

void trace_again(struct sim_trace *t)
{
	ASSERT(!t->second);
	t->second = true;
	t->first_n = t->n;
	t->first_hash = t->hash;
	t->n = 0;
	t->hash = HASH_START;
}

/* ---- the sentence -------------------------------------------------------------------------------- */

static void step_text(const struct trace_step *s, char *out, size_t size)
{
	if (!s) {
		(void)snprintf(out, size, "had ended");
		return;
	}
	(void)snprintf(out, size, "%s \"%s\" (%" PRId64 ") at %" PRId64 ".%09" PRId64 " s", s->what,
		       s->who, s->number, s->at_ns / 1000000000, s->at_ns % 1000000000);
}

static const struct trace_step *first_step(const struct sim_trace *t, size_t at)
{
	return at < t->kept ? &t->steps[at] : NULL;
}

static const char *name_parting(struct sim_trace *t, const struct trace_step *differs)
{
	char before[120], one[120], two[120];
	size_t at = t->parted_at;

	step_text(at > 0 ? first_step(t, at - 1) : NULL, before, sizeof(before));
	step_text(first_step(t, at), one, sizeof(one));
	step_text(differs, two, sizeof(two));
	(void)snprintf(t->text, sizeof(t->text),
		       "two runs part at step %zu, after %s: the first %s, the second %s", at + 1,
		       at > 0 ? before : "the start", one, two);
	return t->text;
}

const char *trace_parting(struct sim_trace *t)
{
	ASSERT(t->second);
	if (t->parted)
		return name_parting(t, &t->differs);
	if (t->n < t->first_n && t->n < t->kept) {
		t->parted_at = t->n;
		return name_parting(t, NULL);
	}
	if (t->n == t->first_n && t->hash == t->first_hash)
		return NULL;
	(void)snprintf(t->text, sizeof(t->text),
		       "two runs part somewhere after step %zu; a smaller test would tell where",
		       t->kept);
	return t->text;
}
