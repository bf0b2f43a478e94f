/* verify.c - the accounts, computed again from what is on disk
 *
 * What this room is for: `hocket verify`: a promise about data is worth what can be checked, by somebody else, after the fact.
 * What flows through:    each run's mark, and the rows that must agree with it; complaints out.
 * What must hold:
 *  (1) nothing is taken from memory of a run: only the state is read. (2) one complaint does not hide the next.
 *  (3) what is checked, for each run:
 *      - its counts balance: admitted + spawned = delivered + filtered + duplicate + dead + expanded + merged;
 *      - the records that its splits say are done, less those that were when it began, are those admitted;
 *      - each of its dead has a letter, but for those dropped by hand;
 *      - closed windows have their members;
 *      - what is left is of records that are not done (of notes: that the mark has not passed): windows, pages, the batch, notes. A
 *        finished run has none. */
#include "engine/again/verify.h"

#include "engine/run/mark.h"
#include "engine/state/review.h"
#include <stdarg.h>
#include <string.h>

/* ---- the runs, copied: what they have is asked for one after the other ---- */
struct runs {
	struct arena *arena;
	struct review_run *v;
	size_t n, cap;
};

static void runs_done(struct runs *r)
{
	arena_free(r->arena);
	freep(&r->v);
}

static int add_run(void *arg, const struct review_run *run, struct err *err)
{
	struct runs *r = arg;
	(void)err;
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 16;
		r->v = xrealloc(r->v, r->cap, sizeof(*r->v));
	}
	struct review_run *to = &r->v[r->n++];
	*to = *run;
	to->id = arena_str(r->arena, slice_str(run->id));
	to->status = arena_str(r->arena, slice_str(run->status));
	to->kind = arena_str(r->arena, slice_str(run->kind));
	to->pipeline = to->started = to->ended = to->continues = NULL; /* not asked */
	to->begun = arena_copy(r->arena, run->begun);
	to->mark = arena_copy(r->arena, run->mark);
	return 0;
}

/* ---- complaints ---- */
struct check {
	struct state *state;
	const struct review_run *run;
	struct verified *ret;
	struct ledger ledger; /* as the run's mark says */
};

static void check_done(struct check *c)
{
	ledger_done(&c->ledger);
}

static void complain(struct check *c, const char *fmt, ...) PRINTF(2, 3);
static void complain(struct check *c, const char *fmt, ...)
{
	va_list args;
	struct buf *out = &c->ret->wrong;
	c->ret->wrong_count++; /* it counts also when there is no room for its words */
	va_start(args, fmt);
	int r = c->run ? buf_printf(out, "run %s: ", c->run->id) : 0;
	r = r < 0 ? r : buf_vprintf(out, fmt, args);
	(void)!(r < 0 ? r : buf_add_char(out, '\n'));
	va_end(args);
}

/* ---- the mark ---- */
static uint64_t done_of(const struct ledger *l)
{
	uint64_t n = 0;
	for (const struct split *s = l->splits; s; s = s->next)
		n += s->made ? 0 : s->low - s->gaps + split_passed(s);
	return n;
}

static void check_counts(struct check *c)
{
	struct ledger begun = { 0 };
	uint64_t had = 0;
	if (c->run->begun.n && mark_read(&begun, c->run->begun, NULL) < 0)
		complain(c, "the mark that it began with makes no sense");
	else
		had = done_of(&begun);
	ledger_done(&begun);
	uint64_t have = done_of(&c->ledger), admitted = c->ledger.settled.admitted;
	c->ret->records += admitted;
	if (have - had != admitted)
		complain(c, "its mark says that %llu records are done, and it admitted %llu",
			 (unsigned long long)(have - had), (unsigned long long)admitted);
}

/* ---- what lies beside it ---- */
struct below { /* rows whose record is done; of notes: that the mark has passed, for they stay until then */
	struct check *check;
	enum review_kind kind;
	uint64_t n;
};

static bool is_passed(const struct ledger *l, const struct review_row *row)
{
	const struct split *s = l->splits;
	while (s && strcmp(s->name, row->split) != 0)
		s = s->next;
	return s && row->ordinal < s->low;
}

static int count_below(void *arg, const struct review_row *row, struct err *err)
{
	struct below *b = arg;
	const struct ledger *l = &b->check->ledger;
	(void)err;
	b->n += b->kind == REVIEW_NOTE || b->kind == REVIEW_HELD
			? is_passed(l, row)
			: ledger_is_done(l, row->split, row->ordinal);
	return 0;
}

static int count_rows(struct check *c, enum review_kind kind, uint64_t *ret,
		      struct err *err) SUSPENDS
{
	struct below b = { c, kind, 0 };
	int r = state_each_row(c->state, c->run->id, kind, count_below, &b, err);
	*ret = b.n;
	return r;
}

/* A replay's letters name where their records came from first, which is not where its mark counts; those of records that are not
 * done yet are not told apart before it ends. */
static int check_letters(struct check *c, struct err *err) SUSPENDS
{
	uint64_t letters = c->run->letters, dead = c->ledger.settled.dead;
	bool replay = strcmp(c->run->kind, "replay") == 0;
	if (!replay && count_rows(c, REVIEW_LETTER, &letters, err) < 0)
		return -1;
	letters += c->run->dropped;
	if (replay && strcmp(c->run->status, "finished") != 0 && letters > dead)
		letters = dead;
	if (letters != dead)
		complain(c, "%llu of its records are dead, and there are letters of %llu%s",
			 (unsigned long long)dead, (unsigned long long)letters,
			 c->run->dropped ? ", those that were dropped aside" : "");
	return 0;
}

static int count_torn(void *arg, const struct review_row *row, struct err *err)
{
	(void)row;
	(void)err;
	++*(uint64_t *)arg;
	return 0;
}

static int check_windows(struct check *c, struct err *err) SUSPENDS
{
	uint64_t n = 0;
	if (state_each_row(c->state, c->run->id, REVIEW_TORN, count_torn, &n, err) < 0)
		return -1;
	if (n > 0)
		complain(c, "%llu closed window%s not the records that %s should have",
			 (unsigned long long)n, n == 1 ? " has" : "s have", n == 1 ? "it" : "they");
	return 0;
}

static int check_left(struct check *c, enum review_kind kind, const char *what,
		      struct err *err) SUSPENDS
{
	uint64_t n = 0;
	if (count_rows(c, kind, &n, err) < 0)
		return -1;
	if (n > 0)
		complain(c, "%llu %s of records that are done were left behind",
			 (unsigned long long)n, what);
	return 0;
}

/* Pages before the one that the mark is at. */
struct pages { /* of one split */
	const struct split *split;
	uint64_t before, left;
};

static int count_page(void *arg, const struct review_row *page, struct err *err)
{
	struct pages *p = arg;
	const struct split *s = p->split;
	(void)err;
	if (strcmp(s->name, page->split) != 0)
		return 0;
	if (s->from.base && slice_eq(text_slice(s->from.base), page->base))
		p->left = p->before;
	p->before += page->ordinal <= s->low;
	return 0;
}

static int check_pages(struct check *c, struct err *err) SUSPENDS
{
	for (const struct split *s = c->ledger.splits; s && c->run->pages > 0; s = s->next) {
		struct pages p = { s, 0, 0 };
		if (state_each_row(c->state, c->run->id, REVIEW_PAGE, count_page, &p, err) < 0)
			return -1;
		if (p.left > 0)
			complain(c, "%llu pages of '%s' before the one it is at were left behind",
				 (unsigned long long)p.left, s->name);
	}
	return 0;
}

/* A look for what came since, which was cut off, leaves the pages that it was told; the next one drops them. */
static bool may_be_looked_behind(const struct ledger *l)
{
	const struct split *s = l->splits;
	while (s && !s->onward)
		s = s->next;
	return s != NULL;
}

static void check_finished(struct check *c)
{
	const struct review_run *r = c->run;
	uint64_t pages = may_be_looked_behind(&c->ledger) ? 0 : r->pages;
	if (strcmp(r->status, "finished") == 0 && r->held > 0)
		complain(c, "it is finished, and steps hold %llu of its records still",
			 (unsigned long long)r->held);
	if (strcmp(r->status, "finished") == 0 && r->notes + pages + r->batch > 0)
		complain(c,
			 "it is finished, and has %llu notes, %llu pages and %llu records of a "
			 "batch on their way",
			 (unsigned long long)r->notes, (unsigned long long)pages,
			 (unsigned long long)r->batch);
}

static int check_run(struct check *c, struct err *err) SUSPENDS
{
	struct err why = { 0 };
	AUTO(buf_done) struct buf id = { 0 };
	if (mark_read(&c->ledger, c->run->mark, &why) < 0) {
		complain(c, "%s", why.text);
		return 0;
	}
	if (!mark_run_id(c->run->mark, &id) || !slice_eq_str(buf_slice(&id), c->run->id))
		complain(c, "its mark is of another run");
	check_counts(c);
	check_finished(c);
	if (check_letters(c, err) < 0 || check_pages(c, err) < 0 ||
	    check_left(c, REVIEW_NOTE, "notes", err) < 0)
		return -1;
	if (check_left(c, REVIEW_BATCH, "parts of a batch", err) < 0 ||
	    check_left(c, REVIEW_HELD, "windows", err) < 0)
		return -1;
	return check_windows(c, err);
}

static int check_strays(struct state *s, struct verified *ret, struct err *err) SUSPENDS
{
	struct check whole = { .state = s, .ret = ret };
	struct review_total total;
	if (state_total(s, &total, err) < 0)
		return -1;
	if (total.strays > 0)
		complain(&whole, "%llu rows are of runs that are not there",
			 (unsigned long long)total.strays);
	return 0;
}

int verify_state(struct state *s, struct verified *ret, struct err *err)
{
	AUTO(runs_done) struct runs runs = { .arena = arena_new() };
	*ret = (struct verified){ 0 };
	if (state_look(s, err) < 0 || state_check_file(s, err) < 0 ||
	    state_each_run(s, add_run, &runs, err) < 0 || check_strays(s, ret, err) < 0)
		return -1;
	ret->runs = runs.n;
	for (size_t i = 0; i < runs.n; i++) {
		AUTO(check_done) struct check c = { .state = s, .run = &runs.v[i], .ret = ret };
		if (check_run(&c, err) < 0)
			return -1;
	}
	return 0;
}
