/* group.c (tests) - windows by key over virtual days, while the process is killed at any moment
 *
 * Each part of a run is a process of its own, which ends by itself, by a stop, or by _exit() at some moment of virtual time or at some
 * statement of the state, and what is left is verified. What
 * outlives it is the state's file and what the sink has in shared memory. The wall clock goes on where it was, and sometimes hours
 * later. A record is {"n": N, "k": KEY}; every one must be in exactly one digest. */
#include "base/rand.h"
#include "engine/again/verify.h"
#include "engine/run.h"
#include "engine/state/state.h"
#include "scene.h"
#include <errno.h>
#include <hocket/hocket.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOUR   (3600 * HK_SEC)
#define DAY    (24 * HOUR)
#define MEMORY (64u << 20)
enum { RECORDS_MAX = 400, PARTS_MAX = 300, MARK_MAX = 1 << 16, KILLED = 137 };

struct digest {
	int64_t first_ns, last_ns;
	int key, n;
};
struct shared { /* what a kill leaves */
	int64_t wall_ns;
	size_t rows, members; /* the sink's */
	struct digest digests[RECORDS_MAX];
	int16_t member[RECORDS_MAX]; /* of all digests, one behind the other */
	size_t mark_n;
	char mark[MARK_MAX];
	enum run_end end;
	struct counts counts;
	uint64_t held, open;
	char why[480]; /* it failed */
};
struct scene {
	struct rand rnd, fate; /* of the records; of one part */
	struct shared *shared;
	size_t records, keys;
	int64_t came_ns[RECORDS_MAX]; /* when the source has it */
	bool own_mark;
	bool rounds; /* the source does not wait: it is read every hour */
	unsigned kill_percent;
	int64_t kill_ns;    /* so much virtual time after the part began; 0: not */
	unsigned kill_sql;  /* at so many statements of the state; 0: not */
	bool fills;         /* it is not killed then, but from then on nothing is committed */
	bool drains, stops; /* instead of a kill */
	struct run *run;
	struct schedule every;
	struct place source, group, to;
	struct plan plan;
	struct run_options options;
	char folder[64];
};
static struct scene *scene; /* one runs at a time */

/* ---- the world ---- */

/* Time of day goes on from part to part: the linker puts this in the place of hk_wall_ns(). */
int64_t __wrap_hk_wall_ns(void);
static int64_t wall_offset_ns;
int64_t __wrap_hk_wall_ns(void)
{
	return hk_now_ns() + wall_offset_ns;
}

/* Before a statement of the state, or behind it: what is between BEGIN and COMMIT is rolled back, what is behind COMMIT is not. */
static atomic_uint statements;
static void maybe_killed_at_sql(void)
{
	if (scene->kill_sql && atomic_fetch_add(&statements, 1) + 1 == scene->kill_sql &&
	    !scene->fills)
		_exit(KILLED);
}

static bool disk_is_full(void)
{
	return scene->fills && scene->kill_sql && atomic_load(&statements) >= scene->kill_sql;
}

int __real_sqlite3_exec(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
			char **);
int __wrap_sqlite3_exec(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
			char **);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
			void *arg, char **err)
{
	maybe_killed_at_sql();
	if (disk_is_full() && strcmp(sql, "COMMIT") == 0)
		return SQLITE_FULL;
	int rc = __real_sqlite3_exec(db, sql, row, arg, err);
	maybe_killed_at_sql();
	return rc;
}

static void note_now(void)
{
	scene->shared->wall_ns = hk_wall_ns();
}

static void maybe_killed(void)
{
	note_now();
	if (rand_below(&scene->fate, 1000) < scene->kill_percent)
		_exit(KILLED);
}

static int sleep_until(int64_t wall_ns)
{
	note_now();
	int64_t left = wall_ns - scene->shared->wall_ns;
	return left > 0 && scene->run ? hk_sleep(left) : 0; /* it is open: nobody only looks */
}

static int key_of(size_t n)
{
	return (int)(n * 7919 % 1009 % scene->keys);
}

static int fake_run(struct site *at, struct intake *in, struct err *err)
{
	struct split *split = intake_split(in, "records");
	const struct position *from = split_from(split);
	(void)at;
	for (size_t n = from ? from->offset : 0; n < scene->records; n++) {
		AUTO(buf_done) struct buf json = { 0 };
		if (scene->rounds && scene->came_ns[n] > hk_wall_ns())
			return 0;
		if (sleep_until(scene->came_ns[n]) < 0)
			return fail(err, FAULT_CANCELLED, "stopped");
		CHECK_INT(buf_printf(&json, "{\"n\":%zu,\"k\":%d}", n, key_of(n)), 0);
		struct arrival a = { .rec = rec_take(&json),
				     .split = split,
				     .next = { NULL, n + 1 },
				     .line = n + 1 };
		maybe_killed();
		if (admit(in, &a, err) < 0)
			return -1;
	}
	return 0;
}

static int fake_key(struct site *at, const struct env *env, struct buf *key, struct err *err)
{
	struct slice raw;
	(void)at;
	(void)err;
	CHECK(json_field(env->record, S("k"), &raw));
	return buf_add(key, raw);
}

static int fake_build(struct site *at, const struct members *m, struct out *out, struct err *err)
{
	AUTO(buf_done) struct buf json = { 0 };
	(void)at;
	CHECK_INT(buf_printf(&json, "{\"k\":%.*s,\"first\":%lld,\"last\":%lld,\"items\":",
			     SLICE(m->key), (long long)m->first_ns, (long long)m->last_ns),
		  0);
	CHECK_INT(rec_put_list(m->recs, m->n, &json), 0);
	CHECK_INT(buf_add_char(&json, '}'), 0);
	return out_put(out, rec_take(&json), err);
}

static int64_t field(struct slice json, const char *name)
{
	struct slice raw;
	int64_t n = -1;
	CHECK(json_field(json, slice_str(name), &raw) && units_int(raw, &n) == 0);
	return n;
}

static void take_row(struct shared *to, struct slice json)
{
	struct slice items, key, value;
	struct digest *d = &to->digests[to->rows++];
	ASSERT(to->rows < RECORDS_MAX);
	*d = (struct digest){ field(json, "first"), field(json, "last"), (int)field(json, "k"), 0 };
	CHECK(json_field(json, S("items"), &items));
	struct json_iter it = json_iter(items);
	for (; json_next(&it, &key, &value); d->n++) {
		ASSERT(to->members < RECORDS_MAX);
		CHECK_INT(field(value, "k"), d->key);
		to->member[to->members++] = (int16_t)field(value, "n");
	}
}

static void cut_rows(struct shared *s, size_t rows)
{
	while (s->rows > rows)
		s->members -= (size_t)s->digests[--s->rows].n;
}

static int fake_resume(struct site *at, struct resumption *r, struct err *err)
{
	struct shared *s = scene->shared;
	int64_t rows = 0;
	(void)at;
	(void)err;
	if (scene->own_mark)
		return buf_add(&r->mark, (struct slice){ s->mark, s->mark_n });
	CHECK((r->first && !r->more) || units_int(buf_slice(&r->receipt), &rows) == 0);
	cut_rows(s, (size_t)rows);
	buf_clear(&r->receipt);
	return buf_printf(&r->receipt, "%lld", (long long)rows);
}

static int fake_commit(struct site *at, const struct batch *b, struct buf *receipt, struct err *err)
{
	struct shared *s = scene->shared;
	(void)at;
	maybe_killed();
	if (hk_sleep((int64_t)rand_below(&scene->fate, 40) * HK_MS) < 0)
		return fail(err, FAULT_CANCELLED, "cancelled");
	for (size_t i = 0; i < b->n; i++)
		take_row(s, rec_json(b->recs[i]));
	if (scene->own_mark) {
		ASSERT(b->mark.n < MARK_MAX);
		memcpy(s->mark, b->mark.p, s->mark_n = b->mark.n);
	} else {
		CHECK_INT(buf_printf(receipt, "%zu", s->rows), 0);
	}
	maybe_killed();
	return 0;
}

static const struct port fake_source = { .name = "records", .roles = ROLE_SOURCE, .run = fake_run };
static const struct port fake_group = {
	.name = "group", .roles = ROLE_STEP, .key = fake_key, .build = fake_build
};
static const struct port fake_sink = {
	.name = "sink", .roles = ROLE_SINK, .resume = fake_resume, .commit = fake_commit
};

/* ---- a part of the run, in a process of its own ---- */
static int end_it(void *arg)
{
	(void)arg;
	if (hk_sleep(scene->kill_ns) < 0)
		return 0;
	note_now();
	if (scene->drains)
		run_drain(scene->run);
	else if (scene->stops)
		run_stop(scene->run);
	else
		_exit(KILLED);
	return 0;
}

static int part_body(void *arg)
{
	struct run_result result;
	struct err err = { 0 };
	(void)arg;
	atomic_store(&statements, 0);
	wall_offset_ns = scene->shared->wall_ns - hk_now_ns();
	if (run_open(&scene->plan, &scene->options, &scene->run, &err) < 0) {
		if (disk_is_full())
			return 0;
		CHECK_STR(err.text, "it opens");
		return -1;
	}
	struct hk_group g;
	hk_group_open(&g, &(struct hk_group_options){ .name = "killer" });
	int r = scene->kill_ns ? hk_spawn(&g, end_it, NULL) : 0;
	run_go(scene->run, &result);
	hk_group_cancel(&g);
	CHECK(hk_group_close(&g, r) >= -ECANCELED);
	note_now();
	run_close(scene->run);
	snprintf(scene->shared->why, sizeof scene->shared->why, "%s", result.err.text);
	if (scene->plan.memory_bytes < MEMORY)
		CHECK(result.resumable);
	else if (disk_is_full() && result.end == RUN_FAILED)
		CHECK(strstr(result.err.text, "state file") && result.resumable);
	else
		CHECK_STR(result.err.text, "");
	scene->shared->end = result.end;
	scene->shared->counts = result.counts;
	scene->shared->held = result.held;
	scene->shared->open = result.open;
	return 0;
}

static int verify_body(void *arg)
{
	struct err err = { 0 };
	struct state *state = NULL;
	struct verified said = { 0 };
	char path[128];
	(void)arg;
	scene->kill_sql = 0;
	snprintf(path, sizeof path, "%s/.hocket/test.db", scene->folder);
	CHECK_INT(state_open_to_read(path, &state, &err), 0);
	CHECK_INT(verify_state(state, &said, &err), 0);
	CHECK_STR(said.wrong.p ? said.wrong.p : "", "");
	buf_done(&said.wrong);
	state_close(state);
	return 0;
}

/* Its exit code; a failed check is 1. */
static int in_a_process(hk_fn *body, uint64_t seed)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		test_failures_ = 0;
		int r = hk_run(body, NULL,
			       &(struct hk_run_options){ .virtual_clock = true, .seed = seed | 1 });
		fflush(stdout);
		_exit(r < 0 || test_failures_ ? 1 : 0);
	}
	ASSERT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- scenes ---- */
static void scene_open(struct scene *s, uint64_t seed)
{
	scene = s;
	rand_seed(&s->rnd, seed);
	rand_seed(&s->fate, seed);
	folder_make(s->folder);
	s->shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(s->shared != MAP_FAILED);
	s->shared->wall_ns = 20000 * DAY + 7 * HOUR; /* some day of 2024 */
	s->records = 200;
	s->keys = 7;
	s->options.grace_ns = HK_SEC;
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &fake_source,
				    .label = "records",
				    .facts = { .restart = RESTART_SEEKS } };
	s->group = (struct place){ .role = ROLE_STEP,
				   .port = &fake_group,
				   .label = "group",
				   .facts = { .closes = &s->every } };
	s->to = (struct place){ .role = ROLE_SINK,
				.port = &fake_sink,
				.label = "sink",
				.facts = { .guarantee = TRANSACTIONAL } };
	s->plan = plan_of(s->folder, &s->source, &s->group, &s->to);
}

static void scene_close(struct scene *s)
{
	munmap(s->shared, sizeof *s->shared);
	folder_remove(s->folder);
	free(s);
}

static void set_own_mark(struct scene *s, bool own)
{
	s->own_mark = s->to.facts.own_mark = own;
}

static void spread_records(struct scene *s, int64_t over_ns)
{
	int64_t at = s->shared->wall_ns;
	for (size_t n = 0; n < s->records; n++) {
		if (rand_below(&s->rnd, 3) > 0) /* else right behind the last */
			at += (int64_t)rand_below(&s->rnd,
						  (uint64_t)(3 * over_ns / (int64_t)s->records));
		s->came_ns[n] = at;
	}
}

static const struct digest *before_of(const struct shared *s, size_t row)
{
	for (size_t i = row; i-- > 0;)
		if (s->digests[i].key == s->digests[row].key)
			return &s->digests[i];
	return NULL;
}

/* Every record once, in the order in which they came; every window as long as it should be. */
static void check_digests(const struct scene *s)
{
	const struct shared *got = s->shared;
	int seen[RECORDS_MAX] = { 0 };
	int64_t max = (int64_t)s->group.facts.window;
	for (size_t i = 0; i < got->members; i++)
		seen[got->member[i]]++;
	for (size_t n = 0; n < s->records; n++)
		if (seen[n] != 1) {
			printf("# record %zu\n", n);
			CHECK_INT(seen[n], 1);
		}
	for (size_t i = 0, at = 0; i < got->rows; at += (size_t)got->digests[i++].n) {
		const struct digest *d = &got->digests[i], *before = before_of(got, i);
		CHECK(d->first_ns <= d->last_ns);
		CHECK(max == 0 || d->n <= max);
		CHECK(d->last_ns < schedule_next_ns(&s->every, d->first_ns));
		CHECK(!before || before->n == max ||
		      d->first_ns >= schedule_next_ns(&s->every, before->first_ns));
		for (size_t k = 1; k < (size_t)d->n; k++)
			CHECK(got->member[at + k - 1] < got->member[at + k]);
	}
}

static void draw_part(struct scene *s, int part)
{
	rand_seed(&s->fate, rand_u64(&s->rnd));
	s->kill_percent = part < PARTS_MAX / 2 ? (unsigned)rand_below(&s->rnd, 12) : 0;
	s->kill_ns = part < PARTS_MAX / 2 && rand_below(&s->rnd, 2)
			     ? 1 + (int64_t)rand_below(&s->rnd, 20 * HOUR)
			     : 0;
	s->kill_sql = part < PARTS_MAX / 2 && rand_below(&s->rnd, 2)
			      ? 1 + (unsigned)rand_below(&s->rnd, 200)
			      : 0;
	s->fills = rand_below(&s->rnd, 3) == 0;
	s->drains = rand_below(&s->rnd, 8) == 0;
	s->stops = rand_below(&s->rnd, 8) == 0;
	if (rand_below(&s->rnd, 3) == 0) /* nobody was there */
		s->shared->wall_ns += (int64_t)rand_below(&s->rnd, 30 * HOUR);
}

/* The first part may have been killed before it had a run. */
static bool has_run(const struct scene *s)
{
	return s->shared->rows > 0 || s->shared->mark_n > 0;
}

static void go_part(struct scene *s)
{
	s->shared->end = RUN_STOPPED_EARLY;
	int code = in_a_process(part_body, rand_u64(&s->rnd));
	CHECK(code == 0 || code == KILLED);
	if (has_run(s))
		CHECK_INT(in_a_process(verify_body, 1), 0);
}

/* Kills, and at last a week in which nobody kills it. */
static void go_for_long(struct scene *s)
{
	for (int part = 0, before = test_failures_; part < 12 && test_failures_ == before; part++) {
		draw_part(s, part);
		s->kill_ns = s->kill_ns ? s->kill_ns : 20 * HOUR;
		go_part(s);
	}
	s->kill_percent = s->kill_sql = 0;
	s->kill_ns = 7 * DAY;
	s->stops = true;
	s->drains = false;
	go_part(s);
	CHECK_INT(s->shared->end, RUN_STOPPED_EARLY);
	CHECK_INT(s->shared->held, 0);
}

/* Kills, until it is finished. */
static void go_until_finished(struct scene *s)
{
	int part = 0, before = test_failures_;
	do {
		draw_part(s, part);
		go_part(s);
	} while (s->shared->end != RUN_FINISHED && s->shared->end != RUN_NOTHING_NEW &&
		 test_failures_ == before && ++part < PARTS_MAX);
	CHECK(s->shared->end == RUN_FINISHED || s->shared->end == RUN_NOTHING_NEW);
}

static void check_seed(uint64_t seed)
{
	struct scene *s = xcalloc(1, sizeof *s);
	int before = test_failures_;
	scene_open(s, seed);
	set_own_mark(s, rand_below(&s->rnd, 2));
	s->records = 1 + rand_below(&s->rnd, RECORDS_MAX / 2);
	s->keys = 1 + rand_below(&s->rnd, 12);
	s->every.every_ns = rand_below(&s->rnd, 3) ? DAY : 0;
	if (!s->every.every_ns) /* at six, each day */
		s->every = (struct schedule){ .minutes = 1,
					      .hours = 1u << 6,
					      .days = UINT32_MAX,
					      .months = UINT32_MAX,
					      .weekdays = UINT32_MAX,
					      .any_day = true,
					      .any_weekday = true };
	if (rand_below(&s->rnd, 2))
		s->group.facts.window = 1 + rand_below(&s->rnd, 9);
	spread_records(s, 3 * DAY);
	s->rounds = s->source.facts.endless = rand_below(&s->rnd, 3) == 0;
	s->source.common.every.every_ns = s->rounds ? HOUR : 0;
	(s->rounds ? go_for_long : go_until_finished)(s);
	check_digests(s);
	CHECK_INT(in_a_process(verify_body, 1), 0);
	if (test_failures_ > before)
		printf("# that was seed %llu\n", (unsigned long long)seed);
	scene_close(s);
}

TEST(every_record_is_in_one_digest_whatever_is_killed)
{
	const char *one = getenv("HOCKET_SEED"), *more = getenv("HOCKET_SEEDS");
	uint64_t seed = one ? strtoull(one, NULL, 10) : 1;
	uint64_t end = one ? seed : more ? strtoull(more, NULL, 10) : 20;
	for (; seed <= end; seed++)
		check_seed(seed);
}

/* ---- one question each ---- */
static struct scene *quiet_scene(size_t records, size_t keys)
{
	struct scene *s = xcalloc(1, sizeof *s);
	scene_open(s, 1);
	set_own_mark(s, true);
	s->records = records;
	s->keys = keys;
	s->every.every_ns = DAY;
	for (size_t n = 0; n < records; n++)
		s->came_ns[n] = s->shared->wall_ns;
	return s;
}

static void go(struct scene *s, enum run_end end)
{
	CHECK_INT(in_a_process(part_body, 1), 0);
	CHECK_INT(s->shared->end, end);
}

TEST(windows_close_at_the_end_in_the_order_in_which_they_opened)
{
	struct scene *s = quiet_scene(100, 10);
	int seen = 0;
	go(s, RUN_FINISHED);
	check_digests(s);
	CHECK_INT(s->shared->rows, 10);
	for (size_t i = 0, at = 0; i < s->shared->rows; at += (size_t)s->shared->digests[i++].n) {
		CHECK(i == 0 || s->shared->member[at] > seen);
		seen = s->shared->member[at];
	}
	scene_close(s);
}

/* An input that goes on is no reason to close a window early; a process that ends is none, either. */
TEST(a_stop_leaves_windows_open_and_time_that_passes_meanwhile_counts)
{
	struct scene *s = quiet_scene(2, 1);
	int64_t opened = s->came_ns[0];
	s->came_ns[1] = opened + 30 * HOUR;
	s->source.facts.endless = true;
	s->kill_ns = HOUR;
	s->stops = true;
	go(s, RUN_STOPPED_EARLY);
	CHECK_INT(s->shared->rows, 0);
	CHECK_INT(s->shared->held, 1);
	CHECK_INT(s->shared->open, 1);
	s->shared->wall_ns = opened + 25 * HOUR; /* it came due an hour ago */
	s->kill_ns = HK_SEC;
	go(s, RUN_STOPPED_EARLY);
	CHECK_INT(s->shared->rows, 1);
	CHECK_INT(s->shared->held, 0);
	CHECK_INT(s->shared->digests[0].first_ns / HK_SEC, opened / HK_SEC);
	s->kill_ns = 0;
	go(s, RUN_FINISHED);
	CHECK_INT(s->shared->rows, 2);
	check_digests(s);
	scene_close(s);
}

/* A machine that begins in another century, until it has asked for the time. */
TEST(a_clock_that_is_set_back_holds_no_window_open)
{
	struct scene *s = quiet_scene(3, 3);
	int64_t begun = s->shared->wall_ns;
	s->source.facts.endless = true;
	s->stops = true;
	s->shared->wall_ns = begun + 20000 * DAY;
	s->came_ns[1] = s->came_ns[2] = begun + 30000 * DAY;
	s->kill_ns = HK_SEC;
	go(s, RUN_STOPPED_EARLY);
	CHECK_INT(s->shared->open, 1);
	s->shared->wall_ns = begun;
	s->came_ns[1] = begun + HOUR;
	s->came_ns[2] = begun + 40 * HOUR;
	s->kill_ns = 24 * HOUR + 60 * HK_SEC; /* the second is not due yet */
	go(s, RUN_STOPPED_EARLY);
	CHECK_INT(s->shared->rows, 1);
	s->kill_ns = 2 * HOUR;
	go(s, RUN_STOPPED_EARLY);
	CHECK_INT(s->shared->rows, 2);
	CHECK_INT(s->shared->open, 0);
	scene_close(s);
}

/* A run that has no room left for records would go on for ever, one by one. */
TEST(more_windows_than_memory_bears_are_a_failure_that_says_so)
{
	struct scene *s = quiet_scene(390, 390);
	s->plan.memory_bytes = 24 << 10; /* some 200 windows */
	go(s, RUN_FAILED);
	CHECK(strstr(s->shared->why, "windows are open") && strstr(s->shared->why, "`memory:`"));
	CHECK_INT(s->shared->rows, 0);
	s->plan.memory_bytes = MEMORY;
	go(s, RUN_FINISHED);
	check_digests(s);
	scene_close(s);
}

/* What cannot be gone on with is not left behind. */
TEST(a_stopped_pipe_gives_what_it_holds)
{
	struct scene *s = quiet_scene(2, 2);
	s->came_ns[1] += 10 * HOUR;
	s->source.facts.restart = RESTART_LOSES;
	s->kill_ns = HOUR;
	s->drains = true;
	go(s, RUN_LIMITED);
	CHECK_INT(s->shared->rows, 1);
	CHECK_INT(s->shared->held, 0);
	scene_close(s);
}

static const struct test tests[] = {
	T(windows_close_at_the_end_in_the_order_in_which_they_opened),
	T(a_stop_leaves_windows_open_and_time_that_passes_meanwhile_counts),
	T(a_clock_that_is_set_back_holds_no_window_open),
	T(more_windows_than_memory_bears_are_a_failure_that_says_so),
	T(a_stopped_pipe_gives_what_it_holds),
	T(every_record_is_in_one_digest_whatever_is_killed),
};

int main(void)
{
	return RUN_TESTS(tests);
}
