/* ledger.c (tests) - every record ends once, marks pass only what is settled, resume reads the same records */
#include "check.h"
#include "engine/run/ledger.h"
#include "engine/run/mark.h"
#include "base/rand.h"
#include <stdlib.h>

static struct position at(struct text *base, uint64_t offset)
{
	return (struct position){ base, offset };
}

static struct track *admit_one(struct ledger *l, struct split *s, struct text *base, uint64_t n)
{
	return ledger_admit(l, s, rec_new(S("{\"a\":1}")), at(base, n * 10), n);
}

TEST(order_is_kept_until_the_head_is_done)
{
	struct ledger l = { 0 };
	struct split *s = ledger_split(&l, "in");
	struct text *base = text_new(S("f"));
	struct track *t[3];
	for (uint64_t i = 0; i < 3; i++)
		t[i] = admit_one(&l, s, base, i + 1);
	item_end(&l, &t[2]->root, ENDED_READY);
	item_end(&l, &t[1]->root, ENDED_FILTERED);
	CHECK(ledger_peek_ready(&l) == NULL);
	item_end(&l, &t[0]->root, ENDED_READY);
	CHECK_INT(l.ready_count, 3);
	for (int i = 0; i < 3; i++) {
		struct track *r = ledger_take_ready(&l);
		CHECK(r == t[i]);
		ledger_settle(&l, r);
		CHECK_INT(s->low, i + 1);
		CHECK_INT(s->from.offset, (i + 1) * 10);
	}
	CHECK_INT(l.settled.delivered, 2);
	CHECK_INT(l.settled.filtered, 1);
	CHECK_INT(l.bytes, 0);
	CHECK(counts_balance(&l.settled, 0));
	text_unref(base);
	ledger_done(&l);
}

TEST(any_order_settles_above_the_mark)
{
	struct ledger l = { .any_order = true };
	struct split *s = ledger_split(&l, "in");
	struct text *base = text_new(S("f"));
	struct track *t[4];
	for (uint64_t i = 0; i < 4; i++)
		t[i] = admit_one(&l, s, base, i + 1);
	for (int i = 3; i > 0; i--) {
		item_end(&l, &t[i]->root, ENDED_READY);
		ledger_settle(&l, ledger_take_ready(&l));
	}
	CHECK_INT(s->low, 0);
	CHECK_INT(split_passed(s), 3);
	CHECK(split_is_done(s, 2) && !split_is_done(s, 0) && !split_is_done(s, 4));
	item_end(&l, &t[0]->root, ENDED_READY);
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK_INT(s->low, 4);
	CHECK_INT(s->from.offset, 40);
	CHECK_INT(s->passed_count, 0);
	text_unref(base);
	ledger_done(&l);
}

TEST(children_come_in_order_and_the_parent_waits_for_them)
{
	struct ledger l = { 0 };
	struct split *s = ledger_split(&l, "in");
	struct track *t = admit_one(&l, s, NULL, 1);
	struct item *a = item_spawn(&l, &t->root, rec_new(S("{\"c\":1}")));
	struct item *b = item_spawn(&l, &t->root, rec_new(S("{\"c\":2}")));
	item_end(&l, &t->root, ENDED_EXPANDED);
	struct item *a1 = item_spawn(&l, a, rec_new(S("{\"c\":11}")));
	struct item *a2 = item_spawn(&l, a, rec_new(S("{\"c\":12}")));
	item_end(&l, a, ENDED_EXPANDED);
	item_end(&l, b, ENDED_READY);
	item_end(&l, a2, ENDED_READY);
	CHECK(ledger_peek_ready(&l) == NULL);
	item_end(&l, a1, ENDED_READY);
	CHECK(ledger_peek_ready(&l) == t);
	const char *want[] = { "{\"c\":11}", "{\"c\":12}", "{\"c\":2}" };
	size_t n = 0;
	for (struct item *it = track_next_row(t, NULL); it; it = track_next_row(t, it), n++)
		if (n < 3)
			CHECK_SLICE(rec_json(it->rec), slice_str(want[n]));
	CHECK_INT(n, 3);
	CHECK_INT(t->counts.spawned, 4);
	CHECK_INT(t->counts.expanded, 2);
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK(counts_balance(&l.settled, 0));
	CHECK_INT(l.bytes, 0);
	ledger_done(&l);
}

TEST(a_death_keeps_the_letter_and_the_original)
{
	struct ledger l = { 0 };
	struct split *s = ledger_split(&l, "in");
	struct err err = { 0 };
	struct track *t = admit_one(&l, s, NULL, 1);
	item_replace(&l, &t->root, rec_new(S("{\"a\":1,\"b\":2}")));
	fail(&err, FAULT_STATUS, "answered 404");
	err.code = 404;
	item_die(&l, &t->root, "http", &err, NULL, 5);
	CHECK(t->dead != NULL);
	CHECK_STR(t->dead->class, "status(404)");
	CHECK_SLICE(rec_json(t->dead->at_step), S("{\"a\":1,\"b\":2}"));
	CHECK_SLICE(rec_json(t->original), S("{\"a\":1}"));
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK_INT(l.settled.dead, 1);
	ledger_done(&l);
}

/* Settles at random, writes the mark, reads it back, re-admits: what was settled is passed over, the rest comes again. */
TEST(marks_survive_a_restart_at_any_point)
{
	struct rand rnd;
	rand_seed(&rnd, 7);
	for (int round = 0; round < 300; round++) {
		enum { N = 40 };
		struct ledger l = { .any_order = round % 2 }, again = { .any_order = round % 2 };
		struct split *s = ledger_split(&l, "in");
		struct text *base = text_new(S("file"));
		struct track *t[N];
		bool settled[N] = { false };
		AUTO(buf_done) struct buf mark = { 0 };
		for (uint64_t i = 0; i < N; i++)
			t[i] = admit_one(&l, s, base, i + 1);
		for (int k = 0; k < (int)rand_below(&rnd, N + 1); k++) {
			size_t i = rand_below(&rnd, N);
			if (t[i]->root.state == ITEM_MOVING)
				item_end(&l, &t[i]->root, ENDED_READY);
		}
		for (uint64_t n = rand_below(&rnd, N + 1); n > 0 && ledger_peek_ready(&l); n--) {
			struct track *r = ledger_take_ready(&l);
			settled[r->ordinal] = true;
			t[r->ordinal] = r;
			ledger_settle(&l, r);
		}
		CHECK_INT(mark_put(&l, "run-1", NULL, NULL, &mark), 0);
		CHECK_INT(mark_read(&again, buf_slice(&mark), NULL), 0);
		struct split *s2 = ledger_split(&again, "in");
		const struct position *from = split_from(s2);
		CHECK_INT(from ? from->offset : 0, s2->low * 10);
		for (uint64_t i = s2->low; i < N; i++) {
			bool done = split_is_done(s2, s2->ordinal);
			CHECK_INT(done, settled[i]);
			if (done)
				split_skip(s2, at(base, (i + 1) * 10), i + 1);
			else
				admit_one(&again, s2, base, i + 1);
		}
		for (struct track *m = again.first, *next; m; m = next) {
			next = m->next;
			item_end(&again, &m->root, ENDED_READY);
		}
		while (ledger_peek_ready(&again))
			ledger_settle(&again, ledger_take_ready(&again));
		CHECK_INT(s2->low, N);
		CHECK_INT(s2->from.offset, N * 10);
		CHECK_INT(again.settled.delivered, N);
		text_unref(base);
		ledger_done(&l);
		ledger_done(&again);
	}
}

TEST(the_mark_of_a_batch_is_the_mark_after_it)
{
	struct ledger l = { 0 };
	struct split *s = ledger_split(&l, "in");
	AUTO(buf_done) struct buf before = { 0 };
	AUTO(buf_done) struct buf after = { 0 };
	for (uint64_t i = 0; i < 3; i++)
		item_end(&l, &admit_one(&l, s, NULL, i + 1)->root, ENDED_READY);
	struct track *a = ledger_take_ready(&l), *b = ledger_take_ready(&l);
	a->next_ready = b;
	CHECK_INT(mark_put(&l, "r", a, NULL, &before), 0);
	CHECK_INT(s->low, 0);
	ledger_settle(&l, a);
	ledger_settle(&l, b);
	CHECK_INT(mark_put(&l, "r", NULL, NULL, &after), 0);
	CHECK_SLICE(buf_slice(&before), buf_slice(&after));
	ledger_done(&l);
}

TEST(a_mark_that_makes_no_sense_is_refused)
{
	static const char *const bad[] = {
		"", "{}", "[1]", "{\"counts\":{},\"splits\":[]}",
		"{\"run\":\"r\",\"counts\":{\"admitted\":2,\"spawned\":0,\"delivered\":1,"
		"\"filtered\":0,"
		"\"duplicate\":0,\"dead\":0,\"expanded\":0,\"merged\":0},\"splits\":[]}"
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ledger l = { 0 };
		struct err err = { 0 };
		CHECK_INT(mark_read(&l, slice_str(bad[i]), &err), -1);
		CHECK_INT(err.fault, FAULT_BROKEN);
		ledger_done(&l);
	}
}

/* A run that starts over takes one split of the mark, and none of its counts. */
TEST(one_split_is_read_alone)
{
	AUTO(buf_done) struct buf mark = { 0 };
	struct ledger l = { 0 }, alone = { 0 }, none = { 0 };
	struct err err = { 0 };
	struct text *base = text_new(S("7"));
	static const char *const names[] = { "in", "hooks" };
	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		for (uint64_t i = 0; i < 3; i++) {
			struct split *s = ledger_split(&l, names[k]);
			item_end(&l, &admit_one(&l, s, base, i + 1)->root, ENDED_READY);
			ledger_settle(&l, ledger_take_ready(&l));
		}
	CHECK_INT(mark_put(&l, "r", NULL, NULL, &mark), 0);
	CHECK_INT(mark_read_split(&alone, buf_slice(&mark), S("hooks"), &err), 0);
	CHECK(alone.splits && !alone.splits->next);
	CHECK_STR(alone.splits->name, "hooks");
	CHECK_INT(alone.splits->low, 3);
	CHECK_INT(alone.splits->ordinal, 3);
	CHECK_SLICE(text_slice(split_from(alone.splits)->base), S("7"));
	CHECK_INT(alone.settled.admitted, 0);
	CHECK_INT(mark_read_split(&none, buf_slice(&mark), S("other"), &err), 0);
	CHECK(!none.splits);
	CHECK_INT(mark_read_split(&none, S("[1]"), S("other"), &err), -1);
	CHECK_INT(err.fault, FAULT_BROKEN);
	text_unref(base);
	ledger_done(&l);
	ledger_done(&alone);
	ledger_done(&none);
}

/* What a restart finds: the mark read into an empty ledger. */
static struct split *restarted(const struct ledger *l, struct ledger *ret)
{
	AUTO(buf_done) struct buf mark = { 0 };
	struct err err = { 0 };
	CHECK_INT(mark_put(l, "r", NULL, NULL, &mark), 0);
	ledger_done(ret);
	*ret = (struct ledger){ 0 };
	CHECK_INT(mark_read(ret, buf_slice(&mark), &err), 0);
	return ret->splits;
}

TEST(an_end_counts_when_all_before_it_is_settled_and_nothing_is_behind_it)
{
	struct ledger l = { 0 }, later = { 0 };
	struct split *s = ledger_split(&l, "in");
	struct text *base = text_new(S("f"));
	for (uint64_t i = 0; i < 2; i++)
		item_end(&l, &admit_one(&l, s, base, i + 1)->root, ENDED_READY);
	CHECK_SLICE(split_end(s), S(""));
	split_set_end(s, S("20 x"));
	CHECK_SLICE(split_end(s), S("20 x"));
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK_SLICE(split_end(restarted(&l, &later)), S(""));
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK_SLICE(split_end(restarted(&l, &later)), S("20 x"));
	CHECK(!later.splits->gone);
	later.splits->gone = true;
	CHECK(restarted(&later, &l)->gone_told);
	s = l.splits;
	item_end(&l, &admit_one(&l, s, base, 3)->root, ENDED_READY);
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK_SLICE(split_end(restarted(&l, &later)), S(""));
	text_unref(base);
	ledger_done(&l);
	ledger_done(&later);
}

TEST(splits_are_found_by_their_names_however_many)
{
	struct ledger l = { 0 };
	char name[16];
	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 1000; i++) {
			snprintf(name, sizeof name, "f%u", i * 7);
			const struct split *s = ledger_split(&l, name);
			CHECK_STR(s->name, name);
			CHECK_INT(s->number, i);
			CHECK(ledger_find_split(&l, name) == s);
		}
	CHECK(ledger_find_split(&l, "f1") == NULL);
	ledger_done(&l);
	CHECK(ledger_find_split(&l, "f7") == NULL);
}

/* ---- what is done above the mark ---- */
static void put_and_read(struct ledger *l, struct buf *mark)
{
	struct err err = { 0 };
	buf_clear(mark);
	CHECK_INT(mark_put(l, "r", NULL, NULL, mark), 0);
	ledger_done(l);
	*l = (struct ledger){ .any_order = true };
	CHECK_INT(mark_read(l, buf_slice(mark), &err), 0);
}

/* An hour's records may pass one that is tried again for an hour. */
TEST(what_passes_one_record_takes_no_room)
{
	enum { MANY = 10000 };
	AUTO(buf_done) struct buf mark = { 0 };
	struct ledger l = { .any_order = true };
	struct split *s = ledger_split(&l, "in");
	struct text *base = text_new(S("f"));
	struct track *first = admit_one(&l, s, base, 1);
	for (uint64_t i = 1; i < MANY; i++) {
		item_end(&l, &admit_one(&l, s, base, i + 1)->root, ENDED_READY);
		ledger_settle(&l, ledger_take_ready(&l));
	}
	CHECK(first->ordinal == 0);
	CHECK_INT(s->passed_count, 1);
	CHECK_INT(split_passed(s), MANY - 1);
	put_and_read(&l, &mark);
	CHECK(mark.n < 400);
	s = ledger_split(&l, "in");
	CHECK_INT(split_passed(s), MANY - 1);
	struct track *again = admit_one(&l, s, base, 1);
	for (uint64_t i = 1; i < MANY; i++)
		split_skip(s, at(base, (i + 1) * 10), i + 1);
	CHECK_INT(s->passed_count, 1);
	item_end(&l, &again->root, ENDED_READY);
	ledger_settle(&l, ledger_take_ready(&l));
	CHECK_INT(s->low, MANY);
	CHECK_INT(s->from.offset, MANY * 10);
	text_unref(base);
	ledger_done(&l);
}

enum { SOME = 60 };
static void check_done(const struct split *s, const bool *done)
{
	uint64_t low = 0, above = 0;
	while (low < SOME && done[low])
		low++;
	for (uint64_t i = 0; i < SOME; i++) {
		CHECK_INT(split_is_done(s, i), done[i]);
		above += i > low && done[i];
	}
	CHECK_INT(s->low + split_passed(s), low + above);
	for (size_t i = 1; i < s->passed_count; i++) {
		const struct passed *a = &s->passed[i - 1], *b = &s->passed[i];
		CHECK(a->first + a->n < b->first ||
		      (a->first + a->n == b->first && a->known != b->known));
	}
	if (s->has_from)
		CHECK_INT(s->from.offset, s->low * 10);
	uint64_t end = SOME;
	while (end > low && !done[end - 1])
		end--;
	const struct position *reach = split_reach(s);
	CHECK((reach != NULL) == (end > low));
	if (reach)
		CHECK_INT(reach->offset, end * 10);
}

/* Admits those from the mark on, and settles some in any order; then the next process does. */
static void settle_some(struct ledger *l, struct rand *rnd, struct text *base, bool *done)
{
	struct split *s = ledger_split(l, "in");
	struct track *way[SOME] = { 0 };
	uint64_t until = s->ordinal + rand_below(rnd, SOME - s->ordinal + 1);
	while (s->ordinal < until) {
		uint64_t i = s->ordinal;
		if (split_is_done(s, i))
			split_skip(s, at(base, (i + 1) * 10), i + 1);
		else
			way[i] = admit_one(l, s, base, i + 1);
		check_done(s, done);
	}
	for (int n = 0; n < SOME; n++) {
		uint64_t i = rand_below(rnd, SOME);
		if (!way[i] || rand_below(rnd, 2))
			continue;
		item_end(l, &take(way[i])->root, ENDED_READY);
		ledger_settle(l, ledger_take_ready(l));
		done[i] = true;
		check_done(s, done);
	}
}

TEST(any_order_and_any_restart)
{
	for (uint64_t seed = 1; seed < 200; seed++) {
		AUTO(buf_done) struct buf mark = { 0 };
		bool done[SOME] = { 0 };
		struct rand rnd;
		struct ledger l = { .any_order = true };
		struct text *base = text_new(S("f"));
		rand_seed(&rnd, seed);
		(void)ledger_split(&l, "in");
		for (int part = 0; part < 6; part++) {
			settle_some(&l, &rnd, base, done);
			put_and_read(&l, &mark);
			check_done(ledger_split(&l, "in"), done);
		}
		text_unref(base);
		ledger_done(&l);
	}
}

static const struct test tests[] = {
	T(what_passes_one_record_takes_no_room),
	T(any_order_and_any_restart),
	T(order_is_kept_until_the_head_is_done),
	T(any_order_settles_above_the_mark),
	T(children_come_in_order_and_the_parent_waits_for_them),
	T(a_death_keeps_the_letter_and_the_original),
	T(marks_survive_a_restart_at_any_point),
	T(the_mark_of_a_batch_is_the_mark_after_it),
	T(a_mark_that_makes_no_sense_is_refused),
	T(one_split_is_read_alone),
	T(an_end_counts_when_all_before_it_is_settled_and_nothing_is_behind_it),
	T(splits_are_found_by_their_names_however_many),
};

int main(void)
{
	return RUN_TESTS(tests);
}
