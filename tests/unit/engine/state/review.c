/* review.c (tests) - looking at the whole state, resetting it by hand, and states that are nowhere */
#include "engine/state/review.h"
#include "engine/state/inbox.h"
#include "engine/state/notes.h"
#include "engine/again/verify.h"
#include "in_state.h"
#include <pthread.h>
#include <unistd.h>

static int name_run(void *arg, const struct review_run *run, struct err *err)
{
	(void)err;
	trace_add(arg, "%s:%s:%d", run->id, run->status, (int)run->pages);
	return 0;
}

static void check_runs(struct in_state *t, const char *want)
{
	struct trace seen = { 0 };
	CHECK_INT(state_each_run(t->state, name_run, &seen, &t->err), 0);
	CHECK_STR(seen.text, want);
}

static void put_page(struct in_state *t, const char *run)
{
	const struct state_page page = { .split = "pages", .base = S("/1"), .until = 3 };
	CHECK_INT(state_put_page(t->state, run, &page, &t->err), 0);
}

TEST_IN_STATE(a_finished_run_keeps_nothing_of_what_was_on_the_way)
{
	begin_run(t, "a", "run");
	put_page(t, "a");
	check_runs(t, "a:running:1");
	CHECK_INT(state_end(t->state, "a", "stopped", &t->err), 0);
	check_runs(t, "a:stopped:1");
	put_mark(t, "a", "{\"splits\":[]}");
	check_runs(t, "a:running:1"); /* it goes on */
	CHECK_INT(state_end(t->state, "a", "finished", &t->err), 0);
	check_runs(t, "a:finished:0");
}

TEST_IN_STATE(a_run_that_goes_on_behind_another_has_its_pages)
{
	const struct state_start behind = {
		.pipeline = "p", .kind = "run", .continues = "a", .mark = S("{}")
	};
	begin_run(t, "a", "run");
	put_page(t, "a");
	CHECK_INT(state_end(t->state, "a", "limited", &t->err), 0);
	CHECK_INT(state_begin(t->state, "b", &behind, &t->err), 0);
	check_runs(t, "b:running:1 a:limited:0");
}

TEST_IN_STATE(a_reset_forgets_runs_but_not_replays)
{
	struct state_run last;
	uint64_t n;
	begin_run(t, "a", "run");
	begin_run(t, "r", "replay");
	begin_run(t, "b", "run");
	put_page(t, "b");
	CHECK_INT(state_reset(t->state, "other", &n, &t->err), 0);
	CHECK_INT(n, 0);
	CHECK_INT(state_reset(t->state, "p", &n, &t->err), 0);
	CHECK_INT(n, 2);
	check_runs(t, "b:reset:0 r:running:0 a:reset:0");
	CHECK_INT(state_last_run(t->state, "p", &last, &t->err), 0);
	CHECK(!last.found);
	state_run_done(&last);
}

/* What is committed behind it is not seen: the sums are of one moment. */
TEST_IN_STATE(a_look_stands_still)
{
	struct state *beside;
	struct trace seen = { 0 };
	begin_run(t, "a", "run");
	CHECK_INT(state_open_to_read(t->path, &beside, &t->err), 0);
	CHECK_INT(state_look(beside, &t->err), 0);
	begin_run(t, "b", "run");
	CHECK_INT(state_each_run(beside, name_run, &seen, &t->err), 0);
	CHECK_STR(seen.text, "a:running:0");
	state_close(beside);
}

/* Of one record that is done, the fourth; and a note of it. */
static size_t wrong_with(struct in_state *t, const char *low_and_done)
{
	const struct state_start start = { .pipeline = "p", .kind = "run", .continues = "" };
	const struct state_note note = {
		.split = "s", .step = "post", .ordinal = 3, .kind = NOTE_ANSWER, .about = S("{}")
	};
	AUTO(buf_done) struct buf mark = { 0 };
	struct verified v;
	CHECK_INT(buf_printf(&mark,
			     "{\"run\":\"a\",\"counts\":{\"admitted\":1,\"spawned\":0,"
			     "\"delivered\":1,\"filtered\":0,\"duplicate\":0,\"dead\":0,"
			     "\"expanded\":0,\"merged\":0},\"splits\":[{\"name\":\"s\",\"line\":0,"
			     "\"base\":\"\",\"offset\":0,%s}]}",
			     low_and_done),
		  0);
	CHECK_INT(state_begin(t->state, "a", &start, &t->err), 0);
	put_mark(t, "a", mark.p);
	CHECK_INT(state_put_notes(t->state, "a", &note, 1, NULL, 0, &t->err), 0);
	CHECK_INT(verify_state(t->state, &v, &t->err), 0);
	buf_done(&v.wrong);
	return v.wrong_count;
}

/* In any order a record may be done while one before it is not; what was noted of it goes when the mark passes it. */
TEST_IN_STATE(a_note_above_the_mark_is_in_order)
{
	CHECK_INT(wrong_with(t, "\"low\":0,\"done\":[3]"), 0);
}

TEST_IN_STATE(a_note_below_the_mark_was_left_behind)
{
	CHECK_INT(wrong_with(t, "\"low\":4,\"done\":[]"), 2); /* and four are done, not one */
}

/* A tool that users open the file with; the run is not to end for it. */
static void *let_go_soon(void *db)
{
	usleep(50 * 1000);
	CHECK_INT(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	return NULL;
}

TEST_IN_STATE(who_holds_the_file_for_a_moment_is_waited_for)
{
	sqlite3 *db;
	pthread_t thread;
	begin_run(t, "a", "run");
	CHECK_INT(sqlite3_open(t->path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(pthread_create(&thread, NULL, let_go_soon, db), 0);
	put_mark(t, "a", "{\"splits\":[]}");
	CHECK_INT(pthread_join(thread, NULL), 0);
	CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

TEST_IN_STATE(what_is_to_be_changed_must_be_there)
{
	struct state *none;
	char path[128];
	snprintf(path, sizeof path, "%s/none.db", t->folder);
	CHECK_INT(state_open_to_change(path, &none, &t->err), -1);
	CHECK_INT(t->err.fault, FAULT_CONFIG);
	CHECK(access(path, F_OK) < 0);
	t->err = (struct err){ 0 };
	struct state *second;
	CHECK_INT(state_open_to_change(t->path, &second, &t->err), -1);
	CHECK(strstr(t->err.text, "another hocket is running"));
	t->err = (struct err){ 0 };
}

TEST_IN_STATE(a_state_in_memory_has_no_file_and_no_lock)
{
	struct state *one, *two;
	struct review_total total;
	CHECK_INT(state_open(":memory:", &one, &t->err), 0);
	CHECK_INT(state_open(":memory:", &two, &t->err), 0);
	CHECK_INT(state_total(one, &total, &t->err), 0);
	CHECK_INT(total.letters + total.answers + total.strays, 0);
	state_close(one);
	state_close(two);
	CHECK(access(":memory:", F_OK) < 0 && access(":memory:.lock", F_OK) < 0);
}

static const struct test tests[] = {
	T(a_finished_run_keeps_nothing_of_what_was_on_the_way),
	T(a_run_that_goes_on_behind_another_has_its_pages),
	T(a_reset_forgets_runs_but_not_replays),
	T(a_look_stands_still),
	T(a_note_above_the_mark_is_in_order),
	T(a_note_below_the_mark_was_left_behind),
	T(who_holds_the_file_for_a_moment_is_waited_for),
	T(what_is_to_be_changed_must_be_there),
	T(a_state_in_memory_has_no_file_and_no_lock),
};

int main(void)
{
	return RUN_TESTS(tests);
}
