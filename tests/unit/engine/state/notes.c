/* notes.c (tests) - notes are found again until the mark has passed their record; remembered answers until they expire */
#include "engine/state/notes.h"
#include "engine/state/answers.h"
#include "in_state.h"

static struct state_note note_at(uint64_t ordinal, const char *path, enum note_kind kind)
{
	return (struct state_note){ .split = "in",
				    .step = "http",
				    .ordinal = ordinal,
				    .path = slice_str(path),
				    .kind = kind };
}

static void put_note(struct in_state *t, const char *run, struct state_note n, const char *value)
{
	n.about = S("{\"status\":200}");
	n.value = slice_str(value);
	CHECK_INT(state_put_notes(t->state, run, &n, 1, NULL, 0, &t->err), 0);
}

/* The note's value, or "none". */
static void check_note(struct in_state *t, const char *run, struct state_note key, const char *want)
{
	AUTO(buf_done) struct buf about = { 0 }, value = { 0 };
	bool found;
	CHECK_INT(state_get_note(t->state, run, &key, &about, &value, &found, &t->err), 0);
	CHECK_STR(found ? value.p ? value.p : "" : "none", want);
	CHECK_STR(found ? about.p : "none", found ? "{\"status\":200}" : "none");
}

TEST_IN_STATE(a_note_is_found_under_its_own_name_only)
{
	begin_run(t, "r", "run");
	put_note(t, "r", note_at(7, "", NOTE_ANSWER), "paid");
	put_note(t, "r", note_at(7, "1.0", NOTE_ANSWER), "");
	reopen(t);
	check_note(t, "r", note_at(7, "", NOTE_ANSWER), "paid");
	check_note(t, "r", note_at(7, "1.0", NOTE_ANSWER), "");
	check_note(t, "r", note_at(7, "", NOTE_INTENT), "none");
	check_note(t, "r", note_at(8, "", NOTE_ANSWER), "none");
	check_note(t, "other", note_at(7, "", NOTE_ANSWER), "none");
	put_note(t, "r", note_at(7, "", NOTE_ANSWER), "again");
	check_note(t, "r", note_at(7, "", NOTE_ANSWER), "again");
}

TEST_IN_STATE(the_mark_tidies_what_it_has_passed)
{
	begin_run(t, "r", "run");
	for (uint64_t i = 0; i < 10; i++)
		put_note(t, "r", note_at(i, "", NOTE_INTENT), "");
	struct state_note other = note_at(3, "", NOTE_INTENT);
	other.split = "else";
	put_note(t, "r", other, "");
	put_mark(t, "r",
		 "{\"splits\":[{\"name\":\"in\",\"low\":6,\"base\":\"\"},"
		 "{\"name\":\"else\",\"low\":0,\"base\":\"\"}]}");
	check_note(t, "r", note_at(5, "", NOTE_INTENT), "none");
	check_note(t, "r", note_at(6, "", NOTE_INTENT), "");
	check_note(t, "r", other, "");
	CHECK_INT(ask_int(t, "SELECT count(*) FROM note"), 5);
	/* The next process tidies, too, and when nothing is left it does not look. */
	reopen(t);
	put_mark(t, "r",
		 "{\"splits\":[{\"name\":\"in\",\"low\":10,\"base\":\"\"},"
		 "{\"name\":\"else\",\"low\":4,\"base\":\"\"}]}");
	CHECK_INT(ask_int(t, "SELECT count(*) FROM note"), 0);
	put_mark(t, "r", "{\"splits\":[{}]}");
}

TEST_IN_STATE(a_mark_that_makes_no_sense_changes_nothing)
{
	begin_run(t, "r", "run");
	put_note(t, "r", note_at(1, "", NOTE_INTENT), "");
	CHECK_INT(state_put_mark(t->state, "r", S("{\"splits\":[{\"name\":\"in\"}]}"), NULL, 0,
				 &t->err),
		  -1);
	CHECK_INT(t->err.fault, FAULT_BROKEN);
	t->err = (struct err){ 0 };
	CHECK_INT(ask_int(t, "SELECT mark = '{}' FROM run"), 1);
	check_note(t, "r", note_at(1, "", NOTE_INTENT), "");
}

TEST_IN_STATE(a_new_run_drops_what_older_ones_left_and_a_replay_does_not)
{
	begin_run(t, "r1", "run");
	put_note(t, "r1", note_at(1, "", NOTE_INTENT), "");
	begin_run(t, "again", "replay");
	put_note(t, "again", note_at(1, "", NOTE_INTENT), "");
	check_note(t, "r1", note_at(1, "", NOTE_INTENT), "");
	begin_run(t, "r2", "run");
	check_note(t, "r1", note_at(1, "", NOTE_INTENT), "none");
	check_note(t, "again", note_at(1, "", NOTE_INTENT), "");
}

static void add_noted(void *arg, const char *split, uint64_t ordinal)
{
	trace_add(arg, "%s:%d", split, (int)ordinal);
}

TEST_IN_STATE(each_record_with_notes_is_named_once)
{
	struct trace seen = { 0 };
	begin_run(t, "r", "run");
	put_note(t, "r", note_at(4, "", NOTE_INTENT), "");
	put_note(t, "r", note_at(4, "", NOTE_ANSWER), "");
	put_note(t, "r", note_at(9, "3", NOTE_CHILDREN), "");
	CHECK_INT(state_each_noted(t->state, "r", add_noted, &seen, &t->err), 0);
	CHECK_STR(seen.text, "in:4 in:9");
	CHECK_INT(state_each_noted(t->state, "none", add_noted, &seen, &t->err), 0);
	CHECK_STR(seen.text, "in:4 in:9");
	uint64_t n = 7;
	CHECK_INT(state_count_noted(t->state, "r", &n, &t->err), 0);
	CHECK_INT((int64_t)n, 2);
	CHECK_INT(state_count_noted(t->state, "none", &n, &t->err), 0);
	CHECK_INT((int64_t)n, 0);
}

/* ---- remembered answers ---- */
static struct state_answer answer_of(uint8_t key, int64_t expires, const char *value)
{
	struct state_answer a = { .step = "http",
				  .expires_wall_ns = expires,
				  .about = S("{\"status\":200}"),
				  .value = slice_str(value) };
	memset(a.key, key, sizeof a.key);
	return a;
}

static void check_answer(struct in_state *t, uint8_t key, int64_t now, const char *want)
{
	AUTO(buf_done) struct buf about = { 0 }, value = { 0 };
	struct state_answer a = answer_of(key, 0, "");
	bool found;
	CHECK_INT(state_get_answer(t->state, a.key, now, &about, &value, &found, &t->err), 0);
	CHECK_STR(found ? value.p : "none", want);
}

TEST_IN_STATE(an_answer_is_remembered_across_runs_until_it_expires)
{
	const struct state_answer two[] = { answer_of(1, 100, "one"), answer_of(2, 200, "two") };
	struct state_note note = note_at(0, "", NOTE_ANSWER);
	begin_run(t, "r1", "run");
	CHECK_INT(state_put_notes(t->state, "r1", &note, 1, two, 2, &t->err), 0);
	begin_run(t, "r2", "run");
	reopen(t);
	check_answer(t, 1, 99, "one");
	check_answer(t, 1, 100, "none");
	check_answer(t, 3, 0, "none");
	CHECK_INT(state_drop_expired(t->state, 100, &t->err), 0);
	check_answer(t, 1, 0, "none");
	check_answer(t, 2, 100, "two");
	CHECK_INT(state_drop_answer(t->state, two[1].key, &t->err), 0);
	check_answer(t, 2, 100, "none");
}

static const struct test tests[] = {
	T(a_note_is_found_under_its_own_name_only),
	T(the_mark_tidies_what_it_has_passed),
	T(a_mark_that_makes_no_sense_changes_nothing),
	T(a_new_run_drops_what_older_ones_left_and_a_replay_does_not),
	T(each_record_with_notes_is_named_once),
	T(an_answer_is_remembered_across_runs_until_it_expires),
};

int main(void)
{
	return RUN_TESTS(tests);
}
