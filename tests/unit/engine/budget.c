/* budget.c (tests) - whole runs in too little memory: they never stand still, stay within bounds, and nothing is lost or changed
 *
 * numbers -> fetch (an answer of a size drawn by the record's number) -> split (some records into several) -> look (another answer)
 * -> witness. What the witness gets is compared with what it must be: texts come back from files. All in virtual time; the
 * state's folder and the files in it are real. */
#include "base/json.h"
#include "base/rand.h"
#include "engine/run/running.h"
#include "rt/in_loop.h"
#include "scene.h"
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RECORDS_MAX = 2000 };

struct world {
	struct rand rnd;
	int64_t records;
	uint64_t largest;               /* of an answer's text */
	unsigned fail_percent;          /* of attempts */
	uint64_t latency_ms, commit_ms; /* at most */
	int64_t slow_every;             /* such records fail until so much time has passed */
	bool tells;                     /* answers say how large they will be, as http does */
	int64_t children;               /* of each seventh record */
	bool only_split;                /* the pipeline asks nobody */
	bool some_die, unordered;
	const char *spill_into; /* instead of the state's folder */
	struct run *run;

	uint64_t calls, over; /* over: bytes above the budget, at most */
	int64_t next, next_child;
	uint64_t rows;
	struct buf mark, limit;
};
static struct world *the_world;

/* ---- a process may have so many mappings ---- */
static unsigned refusals; /* that are still to come */

void *mmap(void *at, size_t n, int how, int flags, int fd, off_t from)
{
	bool is_spill = fd >= 0 && how == PROT_READ;
	if (is_spill && refusals > 0) {
		refusals--;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, n, how, flags, fd, from); /* NOLINT */
}

/* ---- what must come out ---- */
static uint64_t size_of(const struct world *w, int64_t n, int salt)
{
	struct rand r;
	rand_seed(&r, (uint64_t)n * 31 + (uint64_t)salt + 1);
	uint64_t kind = rand_below(&r, 10);
	return kind < 7 ? rand_below(&r, 200) : rand_below(&r, w->largest);
}

static int64_t children_of(const struct world *w, int64_t n)
{
	return w->children && n % 7 == 0 ? w->children : 1;
}

static int64_t number_at(struct slice json, const char *key)
{
	struct slice raw;
	int64_t n = -1;
	CHECK(json_field(json, slice_str(key), &raw) && units_int(raw, &n) == 0);
	return n;
}

static bool is_fill(struct slice json, const char *key, uint64_t size, int64_t n)
{
	struct slice raw;
	if (!json_field(json, slice_str(key), &raw) || raw.n != size + 2)
		return false;
	for (size_t i = 1; i + 1 < raw.n; i++)
		if (raw.p[i] != (char)('a' + n % 26))
			return false;
	return true;
}

static void check_row(struct world *w, const struct rec *rec)
{
	struct slice json = rec_json(rec);
	if (w->some_die && w->next_child == 0 && number_at(json, "n") > w->next)
		w->next = number_at(json, "n");
	if (w->unordered)
		w->next = number_at(json, "n");
	CHECK_INT(number_at(json, "n"), w->next);
	CHECK_INT(number_at(json, "k"), w->next_child);
	CHECK(w->only_split || is_fill(json, "a", size_of(w, w->next, 1), w->next));
	CHECK(w->only_split || is_fill(json, "b", size_of(w, w->next, 2), w->next));
	w->rows++;
	if (++w->next_child == children_of(w, w->next)) {
		w->next++;
		w->next_child = 0;
	}
}

/* ---- doors ---- */
static int numbers_run(struct site *at, struct intake *in, struct err *err)
{
	struct world *w = the_world;
	struct split *split = intake_split(in, "numbers");
	const struct position *from = split_from(split);
	(void)at;
	for (int64_t n = from ? (int64_t)from->offset : 0; n < w->records; n++) {
		if (admit_number(in, split, n, err) < 0)
			return -1;
	}
	return 0;
}

static int fetch_ask(struct site *at, struct call *c, struct err *err)
{
	(void)at;
	(void)err;
	c->shown = c->lane = S("http://fake");
	c->safety = SAFE;
	return 0;
}

static void put_fill(struct buf *out, uint64_t size, int64_t n)
{
	out->max = size + 16;
	CHECK_INT(buf_reserve(out, size + 2), 0);
	memset(out->p, 'a' + (int)(n % 26), size + 2);
	out->p[0] = out->p[size + 1] = '"';
	buf_added(out, size + 2);
}

static void note_over(struct world *w)
{
	uint64_t bytes = run_bytes(w->run), most = w->run->memory.most;
	if (bytes > most && bytes - most > w->over)
		w->over = bytes - most;
}

static void answer(struct call *c, int salt)
{
	struct world *w = the_world;
	int64_t n = number_at(rec_json(c->rec), "n"), began = hk_now_ns();
	uint64_t size = size_of(w, n, salt);
	w->calls++;
	note_over(w);
	c->verdict = VERDICT_FAULT;
	int r = hk_sleep((int64_t)rand_below(&w->rnd, w->latency_ms) * HK_MS + HK_MS);
	if (r == 0 && w->tells)
		r = call_room(c, BODY_JSON, size / 2 + 2, size / 2 + 100);
	if (r == 0 && w->tells)
		r = call_room(c, BODY_JSON, size + 2, size + 2);
	if (r < 0) {
		fail_errno(&c->err, FAULT_CANCELLED, r, "cancelled");
		return;
	}
	bool slow = w->slow_every && n % w->slow_every == 0 && began < 20 * HK_SEC;
	if (slow || rand_below(&w->rnd, 100) < w->fail_percent) {
		fail(&c->err, FAULT_RESET, "connection reset");
		return;
	}
	c->verdict = VERDICT_ANSWER;
	c->answer.status = 200;
	c->answer.body = BODY_JSON;
	put_fill(&c->answer.value, size, n);
}

static void fetch_call(struct site *at, struct call *c)
{
	(void)at;
	answer(c, 1);
}

static void look_call(struct site *at, struct call *c)
{
	(void)at;
	answer(c, 2);
}

static int split_apply(struct site *at, const struct rec *rec, const struct env *env,
		       struct out *out, struct err *err)
{
	static const struct slice k[] = { { "k", 1 } };
	int64_t children = children_of(the_world, number_at(rec_json(rec), "n"));
	(void)at;
	(void)env;
	for (int64_t i = 0; i < children; i++) {
		AUTO(buf_done) struct buf json = { 0 }, number = { 0 };
		CHECK_INT(buf_printf(&number, "%lld", (long long)i), 0);
		CHECK_INT(json_splice(rec_json(rec), k, 1, buf_slice(&number), &json), 0);
		if (out_put(out, rec_take(&json), err) < 0)
			return -1;
	}
	return 0;
}

static int witness_resume(struct site *at, struct resumption *r, struct err *err)
{
	(void)at;
	(void)err;
	return buf_add(&r->mark, buf_slice(&the_world->mark));
}

static int witness_commit(struct site *at, const struct batch *b, struct buf *receipt,
			  struct err *err)
{
	struct world *w = the_world;
	(void)at;
	(void)receipt;
	(void)err;
	note_over(w);
	if (hk_sleep((int64_t)rand_below(&w->rnd, w->commit_ms) * HK_MS) < 0)
		return fail(err, FAULT_CANCELLED, "cancelled");
	for (size_t i = 0; i < b->n; i++)
		check_row(w, b->recs[i]);
	buf_clear(&w->mark);
	return buf_add(&w->mark, b->mark);
}

static const struct port numbers = { .name = "numbers", .roles = ROLE_SOURCE, .run = numbers_run };
static const struct port fetch = {
	.name = "fetch", .roles = ROLE_STEP, .ask = fetch_ask, .call = fetch_call
};
static const struct port look = {
	.name = "look", .roles = ROLE_STEP, .ask = fetch_ask, .call = look_call
};
static const struct port split = { .name = "split", .roles = ROLE_STEP, .apply = split_apply };
static const struct port witness = {
	.name = "witness", .roles = ROLE_SINK, .resume = witness_resume, .commit = witness_commit
};

/* ---- a run ---- */
struct scene {
	struct world w;
	struct place source, steps[3], sink;
	struct plan plan;
	struct retry_options retry;
	char folder[64];
	struct run_result result;
	uint64_t files_left;
};

static struct place step_place(const struct port *port, struct scene *s, unsigned cap)
{
	static const struct slice into[] = { { "a", 1 }, { "b", 1 } };
	return (struct place){ .role = ROLE_STEP,
			       .port = port,
			       .label = port->name,
			       .common = { .concurrency = { cap },
					   .retry = &s->retry,
					   .into = { &into[port == &look], 1 } } };
}

static void scene_open(struct scene *s, uint64_t seed, int64_t records, uint64_t memory)
{
	*s = (struct scene){ .w = { .records = records,
				    .largest = memory / 20,
				    .tells = true,
				    .latency_ms = 20,
				    .commit_ms = 500 } };
	rand_seed(&s->w.rnd, seed);
	folder_make(s->folder);
	s->retry = (struct retry_options){ .times = 1000 };
	s->source = (struct place){ .role = ROLE_SOURCE,
				    .port = &numbers,
				    .label = "numbers",
				    .facts = { .restart = RESTART_SEEKS } };
	s->steps[0] = step_place(&fetch, s, 1 + (unsigned)rand_below(&s->w.rnd, 40));
	s->steps[1] = (struct place){
		.role = ROLE_STEP, .port = &split, .label = "split", .facts = { .many = true }
	};
	s->steps[2] = step_place(&look, s, 1 + (unsigned)rand_below(&s->w.rnd, 20));
	s->sink = (struct place){ .role = ROLE_SINK,
				  .port = &witness,
				  .label = "witness",
				  .facts = { .own_mark = true, .guarantee = TRANSACTIONAL } };
	s->plan = plan_of(s->folder, &s->source, s->steps, &s->sink);
	s->plan.step_count = 3;
	s->plan.memory_bytes = memory;
}

static int go_body(void *arg)
{
	struct scene *s = arg;
	struct err err = { 0 };
	if (run_open(&s->plan, &(struct run_options){ 0 }, &s->w.run, &err) < 0) {
		printf("# %s\n", err.text);
		s->result.end = RUN_FAILED;
		return 0;
	}
	if (s->w.spill_into) {
		free(s->w.run->spill.folder);
		s->w.run->spill.folder = xstrndup(s->w.spill_into, strlen(s->w.spill_into));
	}
	run_go(s->w.run, &s->result);
	buf_clear(&s->w.limit);
	CHECK_INT(run_limit_put(s->w.run, &s->w.limit), 0);
	s->files_left = s->result.end == RUN_FINISHED ? s->w.run->spill.now.files : 0;
	run_close(s->w.run);
	return 0;
}

static void go(struct scene *s)
{
	the_world = &s->w;
	CHECK_INT(hk_run(go_body, s,
			 &(struct hk_run_options){ .virtual_clock = true,
						   .seed = rand_u64(&s->w.rnd) | 1 }),
		  0);
}

static void scene_close(struct scene *s)
{
	buf_done(&s->w.mark);
	buf_done(&s->w.limit);
	folder_remove(s->folder);
}

static void check_all_came(const struct scene *s)
{
	CHECK_INT(s->result.end, RUN_FINISHED);
	CHECK_INT(s->w.next, s->w.records);
	CHECK_INT(s->result.counts.dead, 0);
	CHECK_INT(s->files_left, 0);
}

/* Only what goes on because nothing else moves, and the oldest record, may exceed the budget: an answer, the request
 * and the version of the record that is made of them. */
static uint64_t slack(const struct scene *s)
{
	return 4 * s->w.largest * (uint64_t)(s->w.children ? s->w.children : 1) + 64 * 1024;
}

TEST(runs_in_too_little_memory_finish_within_bounds)
{
	uint64_t over = 0, spilled = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct scene s;
		scene_open(&s, seed, 300, (256 << 10) << seed % 4);
		s.w.fail_percent = seed % 3 ? 25 : 0;
		s.w.slow_every = seed % 2 ? 20 + (int64_t)(seed % 5) * 15 : 0;
		s.w.children = seed % 4 == 1 ? 5 : 0;
		s.w.largest /= s.w.children ? 3 : 1; /* all children of one fit into the reserve */
		go(&s);
		check_all_came(&s);
		CHECK(s.result.peak_bytes <= s.plan.memory_bytes + slack(&s));
		over = s.w.over > over ? s.w.over : over;
		spilled += s.result.spilled_bytes;
		scene_close(&s);
	}
	CHECK(spilled > 4 << 20);
	printf("# 60 runs: at most %llu bytes above the budget, %llu written to files\n",
	       (unsigned long long)over, (unsigned long long)spilled);
}

/* The source reads on while the first record is tried again and again: what is done waits in files. */
TEST(the_tail_of_the_order_goes_to_files)
{
	struct scene s;
	scene_open(&s, 3, 1500, 4 << 20);
	s.w.largest = 50000;
	s.w.slow_every = RECORDS_MAX; /* the first */
	go(&s);
	check_all_came(&s);
	CHECK(s.result.spilled_bytes > 8 << 20);
	CHECK(s.w.limit.n == 0 || !slice_starts(buf_slice(&s.w.limit), S("memory")));
	CHECK(s.result.peak_bytes <= s.plan.memory_bytes);
	scene_close(&s);
}

/* It stays in memory, and is not written again and again until it can be mapped. */
TEST(where_nothing_can_be_mapped_it_is_not_tried_all_the_time)
{
	struct scene s;
	scene_open(&s, 3, 3000, 10 << 20);
	s.steps[0].common.concurrency.most = s.steps[2].common.concurrency.most = 100;
	s.w.largest = 50000;
	s.w.slow_every = RECORDS_MAX;
	refusals = 2000;
	go(&s);
	CHECK_INT(refusals, 1999);
	refusals = 0;
	check_all_came(&s);
	scene_close(&s);
}

TEST(nothing_is_written_while_there_is_memory)
{
	struct scene s;
	scene_open(&s, 4, 500, 256 << 20);
	s.w.largest = 100000;
	s.w.slow_every = RECORDS_MAX;
	go(&s);
	check_all_came(&s);
	CHECK_INT(s.result.spilled_bytes, 0);
	scene_close(&s);
}

/* Connectors that do not say what comes are held to what came before. */
TEST(answers_that_nobody_announces_are_bounded_by_those_before)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct scene s;
		scene_open(&s, seed, 300, 1 << 20);
		s.w.tells = false;
		s.w.fail_percent = 20;
		go(&s);
		check_all_came(&s);
		CHECK(s.result.peak_bytes <= s.plan.memory_bytes + 40 * s.w.largest + slack(&s));
		scene_close(&s);
	}
}

/* 40 at once, of which memory has room for few: the account names what held the run back. */
TEST(the_account_says_that_memory_was_the_limit)
{
	struct scene s;
	scene_open(&s, 9, 400, 256 << 10);
	s.w.largest = 15000;
	s.w.latency_ms = 500;
	s.w.commit_ms = 5;
	s.steps[0].common.concurrency.most = 40;
	s.steps[2].common.concurrency.most = 40;
	go(&s);
	check_all_came(&s);
	printf("# %.*s\n", SLICE(buf_slice(&s.w.limit)));
	CHECK(slice_starts(buf_slice(&s.w.limit), S("memory (attempts waited for it ")));
	scene_close(&s);
}

/* Without an order nothing waits behind the first; what comes is the same. */
TEST(any_order_needs_no_files_for_a_slow_one)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct scene s;
		scene_open(&s, seed, 300, 512 << 10);
		s.plan.any_order = s.w.unordered = true;
		s.w.slow_every = 20;
		s.w.fail_percent = 20;
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK_INT(s.w.rows, 300);
		CHECK(s.result.peak_bytes <= s.plan.memory_bytes + slack(&s));
		scene_close(&s);
	}
}

TEST(a_hundred_thousand_children_of_one_record)
{
	struct scene s;
	scene_open(&s, 5, 3, 64 << 20);
	s.w.largest = 20;
	s.w.children = CHILDREN_MAX;
	s.w.only_split = true;
	s.plan.steps = &s.steps[1];
	s.plan.step_count = 1;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK_INT(s.result.counts.delivered, CHILDREN_MAX + 2);
	CHECK(s.result.peak_bytes <= s.plan.memory_bytes);
	scene_close(&s);
}

TEST(children_that_no_reserve_could_hold_are_dead_together)
{
	struct scene s;
	scene_open(&s, 6, 30, 1 << 20);
	s.w.some_die = true;
	s.w.children = 500;
	s.w.largest = 60000;
	go(&s);
	CHECK_INT(s.result.end, RUN_FINISHED);
	CHECK(s.result.counts.dead > 0 && s.result.counts.dead <= 5);
	CHECK_STR(s.result.kinds[0].class, "too_large");
	CHECK(strstr(s.result.kinds[0].example, "raise `memory:`"));
	scene_close(&s);
}

TEST(an_answer_that_jq_cannot_hold_is_dead)
{
	struct scene s;
	scene_open(&s, 7, 100, 1 << 20);
	s.w.some_die = true;
	s.w.largest = 80000; /* a sixteenth: 65,536 */
	for (int tells = 0; tells < 2; tells++) {
		s.w.tells = tells;
		s.w.next = 0;
		s.plan.hash++;
		buf_clear(&s.w.mark);
		go(&s);
		CHECK_INT(s.result.end, RUN_FINISHED);
		CHECK(s.result.counts.dead > 2 && s.result.counts.dead < 30);
		CHECK_INT(s.result.counts.dead + s.result.counts.delivered, 100);
		CHECK(strstr(s.result.kinds[0].example, "a sixteenth of `memory`"));
	}
	scene_close(&s);
}

TEST(a_disk_that_does_not_take_it_stops_the_run_and_the_next_goes_on)
{
	struct scene s;
	scene_open(&s, 8, 600, 1 << 20);
	s.w.slow_every = RECORDS_MAX;
	s.w.spill_into = "/nonexistent";
	go(&s);
	CHECK_INT(s.result.end, RUN_FAILED);
	CHECK_INT(s.result.err.fault, FAULT_IO);
	CHECK(s.result.resumable);
	CHECK(strstr(s.result.err.text, "cannot write what memory has no room for"));
	s.w.spill_into = NULL;
	go(&s);
	CHECK(s.result.resumed);
	check_all_came(&s);
	scene_close(&s);
}

static const struct test tests[] = {
	T(runs_in_too_little_memory_finish_within_bounds),
	T(the_tail_of_the_order_goes_to_files),
	T(where_nothing_can_be_mapped_it_is_not_tried_all_the_time),
	T(nothing_is_written_while_there_is_memory),
	T(answers_that_nobody_announces_are_bounded_by_those_before),
	T(the_account_says_that_memory_was_the_limit),
	T(any_order_needs_no_files_for_a_slow_one),
	T(a_hundred_thousand_children_of_one_record),
	T(children_that_no_reserve_could_hold_are_dead_together),
	T(an_answer_that_jq_cannot_hold_is_dead),
	T(a_disk_that_does_not_take_it_stops_the_run_and_the_next_goes_on),
};

int main(void)
{
	return RUN_TESTS(tests);
}
