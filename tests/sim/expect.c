/* expect.c - what must be there in the end, computed from the seed alone
 *
 * What this room is for: a second opinion. It does what the pipeline's jq programs do, in C, and decides what the far side answers:
 *   always the same to the same record, so that it does not matter how often it was asked.
 * What flows through:    the records of the input, one after the other, down the steps; rows and deaths come out.
 * What must hold:        it never looks at a run, a sink or a request. */
#include "base/hash.h"
#include "world.h"

static uint64_t fate(struct row r, unsigned step)
{
	int64_t of[3] = { r.n, r.c, step };
	return hash_end(hash_add(HASH_START, (struct slice){ (const char *)of, sizeof of }));
}

bool expect_death(struct row r, unsigned step)
{
	return fate(r, step) % 9 == 0;
}

int64_t expect_value(struct row r, unsigned step)
{
	return (int64_t)(fate(r, step) / 16 % 1000);
}

unsigned expect_children(struct row r, unsigned step)
{
	return (unsigned)(fate(r, step) / 65536 % 4);
}

size_t expect_padding(const struct world *w, struct row r, unsigned step)
{
	uint64_t h = fate(r, step) / 1024;
	return 1 + (h % 8 ? h / 8 % 20 : h / 8 % w->padding);
}

struct row row_child(struct row r, unsigned i)
{
	r.c = r.c * 5 + i + 1;
	return r;
}

static void expect_item(struct world *w, struct row r, unsigned at);

static void expect_children_of(struct world *w, struct row r, unsigned at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		expect_item(w, row_child(r, i), at + 1);
}

static void expect_answer(struct world *w, struct row r, unsigned at)
{
	struct row next = r;
	if (expect_death(r, at)) {
		w->want_dead++;
		return;
	}
	w->want_calls[at]++;
	next.a += expect_value(r, at);
	next.p = expect_padding(w, r, at);
	if (w->steps[at].kind == GET_EMIT)
		expect_children_of(w, next, at, expect_children(r, at));
	else
		expect_item(w, next, at + 1);
}

static void expect_item(struct world *w, struct row r, unsigned at)
{
	if (at == w->step_count)
		rows_add(&w->want, r);
	else if (step_calls(w->steps[at].kind))
		expect_answer(w, r, at);
	else if (w->steps[at].kind == SORT || w->steps[at].kind == BATCH)
		expect_item(w, r, at + 1);
	else if (w->steps[at].kind == EMIT)
		expect_children_of(w, r, at, (unsigned)((r.n * 3 + r.c + at) % 4));
	else if ((r.n * 7 + r.c * 3 + at) % 5 != 0)
		expect_item(w, r, at + 1);
}

void expect_all(struct world *w)
{
	for (int64_t n = 0; n < w->records; n++)
		expect_item(w, (struct row){ .n = n, .p = 1 }, 0);
	w->want_dead += (uint64_t)pipeline_bad_lines(w);
}
