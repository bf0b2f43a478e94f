/* journal.c (tests) - many put down at once share commits; who is cancelled puts down all the same; who is alone waits for nobody */
#include "engine/call/journal.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <stdio.h>
#include <unistd.h>

enum { MANY = 200 };

struct scene {
	struct state *state;
	struct journal journal;
	struct ledger ledger;
	struct track *tracks[MANY];
	char folder[64], path[80];
	unsigned put;
};

static void scene_open(struct scene *s)
{
	struct err err = { 0 };
	*s = (struct scene){ 0 };
	folder_make(s->folder);
	snprintf(s->path, sizeof s->path, "%s/state.db", s->folder);
	CHECK_INT(state_open(s->path, &s->state, &err), 0);
	CHECK_INT(journal_open(&s->journal, s->state, "r", NULL, &err), 0);
	for (size_t i = 0; i < MANY; i++)
		s->tracks[i] = ledger_admit(&s->ledger, ledger_split(&s->ledger, "in"),
					    rec_new(S("{}")), (struct position){ NULL, i + 1 }, 0);
}

static void scene_close(struct scene *s)
{
	journal_done(&s->journal);
	state_close(s->state);
	ledger_done(&s->ledger);
	folder_remove(s->folder);
}

struct one {
	struct scene *scene;
	const struct item *item;
};

static int put(struct journal *j, const struct item *it, const char *value)
{
	struct err err = { 0 };
	const struct journal_place at = { it, "http" };
	int r = journal_put(j, &at, NOTE_ANSWER, S("{}"), slice_str(value), NULL, &err);
	CHECK_STR(err.text, "");
	return r;
}

static int put_one(void *arg)
{
	const struct one *one = arg;
	char value[24];
	snprintf(value, sizeof value, "%llu", (unsigned long long)one->item->track->ordinal);
	CHECK_INT(put(&one->scene->journal, one->item, value), 0);
	one->scene->put++;
	return 0;
}

static void put_all(struct scene *s, bool cancel)
{
	struct hk_group group;
	static struct one ones[MANY];
	struct hk_scope scope;
	hk_scope_open(&scope, HK_FOREVER);
	hk_group_open(&group, &(struct hk_group_options){ .policy = HK_COLLECT });
	for (size_t i = 0; i < MANY; i++) {
		ones[i] = (struct one){ s, &s->tracks[i]->root };
		CHECK_INT(hk_spawn(&group, put_one, &ones[i]), 0);
	}
	if (cancel) {
		CHECK_INT(hk_yield(), 0); /* they have begun */
		hk_scope_cancel(&scope);
	}
	(void)!hk_group_close(&group, 0);
	(void)hk_scope_close(&scope, 0);
}

/* As the next part of the run sees it. */
static void check_all(struct scene *s)
{
	struct err err = { 0 };
	journal_done(&s->journal);
	CHECK_INT(journal_open(&s->journal, s->state, "r", "r", &err), 0);
	for (size_t i = 0; i < s->put; i++) {
		AUTO(buf_done) struct buf about = { 0 }, value = { 0 };
		const struct journal_place at = { &s->tracks[i]->root, "http" };
		char want[24];
		snprintf(want, sizeof want, "%zu", i);
		CHECK(journal_knows(&s->journal, at.item));
		CHECK_INT(journal_get(&s->journal, &at, NOTE_ANSWER, &about, &value, &err), 1);
		CHECK_STR(value.p, want);
		CHECK_INT(journal_get(&s->journal, &at, NOTE_INTENT, &about, &value, &err), 0);
	}
}

TEST_IN_LOOP(many_share_a_few_commits)
{
	struct scene s;
	scene_open(&s);
	put_all(&s, false);
	CHECK_INT(s.put, MANY);
	CHECK_INT(s.journal.entries, MANY);
	CHECK(s.journal.commits <= 5);
	check_all(&s);
	scene_close(&s);
}

TEST_IN_LOOP(the_cancelled_put_down_what_they_began)
{
	struct scene s;
	scene_open(&s);
	put_all(&s, true);
	CHECK_INT(s.journal.entries, s.put);
	check_all(&s);
	scene_close(&s);
}

/* Alone: a commit for each, and no time lost in waiting for company (an off-loaded call takes 2 ms at most here). */
TEST_IN_LOOP(who_is_alone_waits_for_nobody)
{
	struct scene s;
	scene_open(&s);
	CHECK_INT(put(&s.journal, &s.tracks[0]->root, "0"), 0);
	s.journal.last_ns = HK_SEC;
	int64_t from = hk_now_ns();
	CHECK_INT(put(&s.journal, &s.tracks[1]->root, "1"), 0);
	CHECK(hk_now_ns() - from < 2 * HK_MS + HK_MS / 10);
	CHECK_INT(s.journal.commits, 2);
	s.put = 2;
	check_all(&s);
	scene_close(&s);
}

TEST_IN_LOOP(gathering_ends_after_two_milliseconds)
{
	struct scene s;
	scene_open(&s);
	s.journal.last_count = 100; /* there was company the last time */
	s.journal.last_ns = HK_SEC;
	int64_t from = hk_now_ns();
	CHECK_INT(put(&s.journal, &s.tracks[0]->root, "0"), 0);
	CHECK(hk_now_ns() - from <= 4 * HK_MS + HK_MS / 10);
	scene_close(&s);
}

TEST_IN_LOOP(records_that_nobody_noted_cost_no_look)
{
	struct scene s;
	struct err err = { 0 };
	scene_open(&s);
	CHECK_INT(put(&s.journal, &s.tracks[7]->root, "7"), 0);
	journal_done(&s.journal);
	CHECK_INT(journal_open(&s.journal, s.state, "r", "r", &err), 0);
	for (size_t i = 0; i < MANY; i++)
		CHECK(journal_knows(&s.journal, &s.tracks[i]->root) == (i == 7));
	scene_close(&s);
}

static const struct test tests[] = {
	T(many_share_a_few_commits),
	T(the_cancelled_put_down_what_they_began),
	T(who_is_alone_waits_for_nobody),
	T(gathering_ends_after_two_milliseconds),
	T(records_that_nobody_noted_cost_no_look),
};

int main(void)
{
	return RUN_TESTS(tests);
}
