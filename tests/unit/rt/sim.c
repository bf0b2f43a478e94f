/* sim.c - the simulation: seeds, orders, limits, two runs compared, and the command that replays */
#include "in_loop.h"
#include "rt/loop.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- orders ------------------------------------------------------------------------------------ */

enum { RUNNERS = 4 };
struct race {
	int order[RUNNERS], n, me[RUNNERS];
	uint32_t seen[256]; /* by number of the permutation: how often */
	int different;
};

static struct race race;

static int runner(void *arg)
{
	race.order[race.n++] = *(int *)arg;
	return 0;
}

static int race_main(void *arg)
{
	struct hk_group g;

	(void)arg;
	race.n = 0;
	hk_group_open(&g, NULL);
	for (int i = 0; i < RUNNERS; i++) {
		race.me[i] = i;
		CHECK_INT(hk_spawn(&g, runner, &race.me[i]), 0);
	}
	return hk_group_close(&g, 0);
}

static int count_order(uint64_t seed, int result, void *arg)
{
	int number = 0;

	(void)seed;
	(void)arg;
	for (int i = 0; i < RUNNERS; i++)
		number = number * RUNNERS + race.order[i];
	race.different += race.seen[number]++ == 0;
	return result;
}

TEST(every_order_comes_up)
{
	race = (struct race){ 0 };
	CHECK_INT(hk_sim(race_main, NULL,
			 &(struct hk_sim_options){ .seeds = 1000, .after = count_order }),
		  0);
	CHECK_INT(race.different, 24);
}

TEST(in_order_is_first_come_first_served)
{
	race = (struct race){ 0 };
	CHECK_INT(hk_sim(race_main, NULL,
			 &(struct hk_sim_options){
				 .seeds = 50, .after = count_order, .in_order = true }),
		  0);
	CHECK_INT(race.different, 1);
	CHECK_INT(race.seen[0 * 64 + 1 * 16 + 2 * 4 + 3], 50);
}

/* ---- seeds --------------------------------------------------------------------------------------- */

struct seen {
	uint64_t seeds[8], drawn[8];
	int n, before, after;
};

static int see_seed(void *arg)
{
	struct seen *s = arg;

	CHECK(hk_sim_running());
	s->seeds[s->n] = hk_sim_seed();
	s->drawn[s->n++] = hk_random();
	return 0;
}

static void before(uint64_t seed, void *arg)
{
	(void)seed;
	CHECK(!hk_running());
	((struct seen *)arg)->before++;
}

static int after(uint64_t seed, int result, void *arg)
{
	(void)seed;
	CHECK(!hk_running());
	((struct seen *)arg)->after++;
	return result;
}

TEST(seeds_count_up_and_decide_random_numbers)
{
	struct seen s = { 0 }, again = { 0 };
	struct hk_sim_options o = { .seed = 17, .seeds = 3, .before = before, .after = after };

	CHECK(!hk_sim_running());
	CHECK_INT(hk_sim(see_seed, &s, &o), 0);
	CHECK_INT(hk_sim(see_seed, &again, &o), 0);
	CHECK_INT(s.n, 3);
	CHECK_INT(s.before, 3);
	CHECK_INT(s.after, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(s.seeds[i], 17 + i);
		CHECK(s.drawn[i] == again.drawn[i]);
	}
	CHECK(s.drawn[0] != s.drawn[1]);
	CHECK(!hk_sim_running());
	CHECK_INT(hk_sim_seed(), 0);
}

static int sim_in_loop(void *arg)
{
	return hk_sim(see_seed, arg, NULL);
}

TEST(a_simulation_in_a_loop_is_refused)
{
	struct seen s = { 0 };

	CHECK_INT(in_loop(sim_in_loop, &s), -EDEADLK);
	CHECK_INT(hk_sim(sim_in_loop, &s, &(struct hk_sim_options){ .replay = "again" }), -EDEADLK);
}

TEST(the_environment_says_which_and_how_many)
{
	struct seen s = { 0 };

	setenv("HOCKET_SEED", "5", 1);
	CHECK_INT(hk_sim(see_seed, &s, &(struct hk_sim_options){ .seed = 1, .seeds = 4 }), 0);
	CHECK_INT(s.n, 1);
	CHECK_INT(s.seeds[0], 5);
	unsetenv("HOCKET_SEED");
	setenv("HOCKET_SEEDS", "6", 1);
	s = (struct seen){ 0 };
	CHECK_INT(hk_sim(see_seed, &s, NULL), 0);
	CHECK_INT(s.n, 6);
	CHECK_INT(s.seeds[5], 6);
	setenv("HOCKET_SEEDS", "many", 1);
	CHECK_INT(hk_sim(see_seed, &s, NULL), -EINVAL);
	unsetenv("HOCKET_SEEDS");
}

/* ---- time ---------------------------------------------------------------------------------------- */

static int sleep_a_year(void *arg)
{
	int64_t start = hk_now_ns();
	int r = hk_sleep(365 * 24 * 3600 * HK_SEC);

	*(int64_t *)arg = hk_now_ns() - start;
	return r;
}

TEST(time_jumps_and_is_the_same_each_time)
{
	int64_t took = 0;

	CHECK_INT(hk_sim(sleep_a_year, &took,
			 &(struct hk_sim_options){ .limit_ns = 2 * 365 * 24 * 3600 * HK_SEC,
						   .check_twice = true,
						   .seeds = 3 }),
		  0);
	CHECK_INT(took, 365 * 24 * 3600 * HK_SEC);
}

TEST(what_takes_longer_than_the_limit_has_failed)
{
	int64_t took = 0;

	CHECK_INT(hk_sim(sleep_a_year, &took, &(struct hk_sim_options){ .replay = "again" }),
		  -ETIME);
}

static int new_year(void *arg)
{
	const int64_t year_ns = INT64_C(1767225600) * HK_SEC; /* date -ud 2026-01-01 +%s */

	(void)arg;
	CHECK_INT(hk_wall_ns(), year_ns);
	CHECK_INT(hk_sleep(90 * HK_SEC), 0);
	CHECK_INT(hk_wall_ns(), year_ns + 90 * HK_SEC);
	return 0;
}

TEST(the_day_is_always_the_same)
{
	CHECK_INT(hk_sim(new_year, NULL, &(struct hk_sim_options){ .seeds = 2 }), 0);
	CHECK(llabs(hk_wall_ns() / HK_SEC - (int64_t)time(NULL)) <= 1); /* the real one outside */
}

/* ---- all tasks parked ------------------------------------------------------------------------------ */

struct parking {
	int steps, timers;
};

static int busy(void *arg)
{
	struct parking *p = arg;

	for (int i = 0; i < 10; i++) {
		p->steps++;
		CHECK_INT(hk_yield(), 0);
	}
	p->timers += hk_sleep(HK_SEC) == 0; /* cancelled: not */
	return 0;
}

static int waits_too(void *arg)
{
	struct parking *p = arg;
	int r = hk_wait_all_parked();

	CHECK_INT(p->steps, 50);
	return r;
}

TEST_IN_SIM(all_parked_means_all_others_wait, 50)
{
	struct parking p = { 0 };
	int64_t start = hk_now_ns();
	struct hk_group g;

	CHECK_INT(hk_wait_all_parked(), 0); /* alone */
	hk_group_open(&g, NULL);
	for (int i = 0; i < 5; i++)
		CHECK_INT(hk_spawn(&g, busy, &p), 0);
	CHECK_INT(hk_spawn(&g, waits_too, &p), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(p.steps, 50);
	CHECK_INT(p.timers, 0);
	CHECK_INT(hk_now_ns(), start);
	hk_group_cancel(&g);
	CHECK_INT(hk_wait_all_parked(), -ECANCELED);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* ---- off-loaded calls ----------------------------------------------------------------------------------- */

struct calls {
	int running, most, ended[8], n, me[8];
	pthread_t thread;
};
static struct calls offloaded;

static int called(void *arg)
{
	CHECK(pthread_equal(pthread_self(), offloaded.thread));
	CHECK(!hk_running());
	offloaded.ended[offloaded.n++] = *(int *)arg;
	return 100 + *(int *)arg;
}

static int calls_out(void *arg)
{
	int me = *(int *)arg;

	CHECK_INT(hk_offload(called, arg), 100 + me);
	return 0;
}

static int offload_main(void *arg)
{
	struct hk_scope s;
	int64_t start = hk_now_ns();

	offloaded = (struct calls){ .thread = pthread_self() };
	for (int i = 0; i < 8; i++)
		offloaded.me[i] = i;
	CHECK_INT(hk_gather(calls_out, offloaded.me, 8, sizeof(int), NULL), 0);
	CHECK_INT(offloaded.n, 8);
	CHECK(hk_now_ns() > start);
	hk_scope_open(&s, 0);
	CHECK_INT(hk_scope_close(&s, hk_offload(called, &offloaded.me[0])), -ETIMEDOUT);
	CHECK_INT(offloaded.n, 8); /* cancelled before: it never ran */
	(*(int *)arg) |= 1 << offloaded.ended[0];
	return 0;
}

TEST(off_loaded_calls_run_without_threads_in_virtual_time)
{
	int first = 0;

	CHECK_INT(hk_sim(offload_main, &first,
			 &(struct hk_sim_options){ .seeds = 100, .check_twice = true }),
		  0);
	CHECK_INT(__builtin_popcount((unsigned)first), 4); /* of four at once each ended first */
}

/* ---- two runs ---------------------------------------------------------------------------------------- */

static int calls; /* survives a run: what a program must not let decide */

static int depends_on_the_world(void *arg)
{
	(void)arg;
	CHECK_INT(hk_sleep(HK_SEC), 0);
	return hk_sleep(calls++ % 2 ? HK_MS : 2 * HK_MS);
}

static int name_differs(void *arg)
{
	(void)arg;
	hk_task_set_name(calls++ % 2 ? "odd" : "even");
	return hk_yield() < 0 ? -1 : hk_sleep(1);
}

static int ends_early(void *arg)
{
	(void)arg;
	return calls++ % 2 ? 0 : hk_sleep(HK_SEC);
}

/* What hk_sim says on standard error in a child, and how the child ended. */
struct said {
	char text[4096];
	int status;
};

static struct said sim_in_child(hk_fn *fn, const struct hk_sim_options *o)
{
	struct said s = { 0 };
	int fd[2], r;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	CHECK_INT(pipe(fd), 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		r = hk_sim(fn, NULL, o);
		_exit(r < 0 ? (-r & 127) : 0);
	}
	close(fd[1]);
	while ((got = read(fd[0], s.text + n, sizeof(s.text) - 1 - n)) > 0)
		n += (size_t)got;
	close(fd[0]);
	CHECK_INT(waitpid(child, &s.status, 0), child);
	return s;
}

#define CHECK_SAYS(said, words)                                                                    \
	do {                                                                                       \
		if (!strstr((said).text, (words)))                                                 \
			test_failures_++, printf("# %s:%d: no [%s] in [%s]\n", __FILE__, __LINE__, \
						 (words), (said).text);                            \
	} while (0)

TEST(two_runs_that_differ_are_told_apart)
{
	struct hk_sim_options twice = { .check_twice = true };
	struct said s;

	calls = 0;
	s = sim_in_child(depends_on_the_world, &twice);
	CHECK_INT(WEXITSTATUS(s.status), EILSEQ);
	CHECK_SAYS(s, "seed 1: two runs part at step 4, after ran task \"main\"");
	CHECK_SAYS(s, "the first moved \"the clock\" (1002000000) at 1.002000000 s, the second "
		      "moved \"the clock\" (1001000000)");
	CHECK_SAYS(s, "replay: HOCKET_SEED=1 ");
	s = sim_in_child(name_differs, &twice);
	CHECK_INT(WEXITSTATUS(s.status), EILSEQ);
	CHECK_SAYS(s, "the first ran task \"even\"");
	CHECK_SAYS(s, "the second ran task \"odd\"");
	s = sim_in_child(ends_early, &twice);
	CHECK_SAYS(s, "the first moved \"the clock\" (1000000000) at 1.000000000 s, the second had "
		      "ended");
}

/* ---- failures and their replay ---------------------------------------------------------------------- */

static int fails_at_seed_7(void *arg)
{
	(void)arg;
	return hk_sim_seed() == 7 ? -EIO : 0;
}

static int asserts(void *arg)
{
	ASSERT(hk_sim_seed() != 3 || arg);
	return 0;
}

static int stands_still(void *arg)
{
	struct hk_event never = { 0 };
	(void)arg;
	return hk_event_wait(&never);
}

static int yields_for_ever(void *arg)
{
	(void)arg;
	while (hk_yield() == 0)
		continue;
	return 0;
}

static int runs_in_a_circle(void *arg)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, yields_for_ever, arg), 0);
	CHECK_INT(hk_spawn(&g, yields_for_ever, arg), 0);
	return hk_group_close(&g, 0);
}

static int sleep_long(void *arg)
{
	(void)arg;
	return hk_sleep(3600 * HK_SEC);
}

static int will_not_end(void *arg)
{
	(void)arg;
	for (;;) {
		struct hk_scope s;
		hk_scope_open_shield(&s, HK_FOREVER);
		CHECK_INT(hk_scope_close(&s, hk_sleep(3600 * HK_SEC)), 0);
	}
	return 0;
}

#ifdef SANITIZE_TSAN
enum { TSAN = true };
#else
enum { TSAN = false };
#endif

static int points_nowhere(void *arg)
{
	return *(volatile int *)arg;
}

TEST(every_failure_names_its_seed)
{
	struct said s = sim_in_child(fails_at_seed_7, &(struct hk_sim_options){ .seeds = 20 });

	CHECK_INT(WEXITSTATUS(s.status), EIO);
	CHECK_SAYS(s, "hocket: simulation: seed 7: the result is -5 (Input/output error)\n"
		      "replay: HOCKET_SEED=7 ");
	s = sim_in_child(fails_at_seed_7,
			 &(struct hk_sim_options){ .seeds = 20, .replay = "make it" });
	CHECK_SAYS(s, "\nreplay: HOCKET_SEED=7 make it\n");
	s = sim_in_child(sleep_long, &(struct hk_sim_options){ .seed = 9, .limit_ns = HK_SEC });
	CHECK_INT(WEXITSTATUS(s.status), ETIME);
	CHECK_SAYS(s, "the result is -62 (the limit of virtual time ran out)");
	CHECK_SAYS(s, "seed 9: the limit of virtual time ran out while these waited\n");
	CHECK_SAYS(s, "task \"main\"");
	CHECK_SAYS(s, "\nreplay: HOCKET_SEED=9 ");
	s = sim_in_child(will_not_end, &(struct hk_sim_options){ .seed = 2 });
	CHECK(WIFSIGNALED(s.status));
	CHECK_SAYS(s, "the simulation does not end");
	CHECK_SAYS(s, "\nreplay: HOCKET_SEED=2 ");
}

TEST(an_abort_in_the_middle_is_replayable_too)
{
	struct said s = sim_in_child(asserts, &(struct hk_sim_options){ .seeds = 20 });

	CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGABRT);
	CHECK_SAYS(s, "hk_sim_seed() != 3 || arg does not hold: ");
	CHECK_SAYS(s, "replay: HOCKET_SEED=3 ");
	s = sim_in_child(stands_still, &(struct hk_sim_options){ .seed = 4 });
	CHECK(WIFSIGNALED(s.status));
	CHECK_SAYS(s, "event");
	CHECK_SAYS(s, "replay: HOCKET_SEED=4 ");
	s = sim_in_child(runs_in_a_circle, &(struct hk_sim_options){ .seed = 5 });
	CHECK_SAYS(s, "task \"yields_for_ever\" runs in a circle");
	CHECK_SAYS(s, "replay: HOCKET_SEED=5 ");
	s = sim_in_child(points_nowhere, &(struct hk_sim_options){ .seed = 6 });
	if (TSAN)
		return; /* it falls over its own report of a crash in a fiber */
	CHECK(WIFSIGNALED(s.status) || WEXITSTATUS(s.status) > 0); /* sanitizers exit */
	if (!WIFEXITED(s.status))
		CHECK_SAYS(s, "hocket: SIGSEGV in task \"main\", spawned at hk_run()");
	CHECK_SAYS(s, "replay: HOCKET_SEED=6 ");
}

/* ---- several at once ------------------------------------------------------------------------------------ */

static int draw(void *arg)
{
	struct seen *s = arg;

	CHECK_INT(hk_sleep(HK_MS), 0);
	s->drawn[s->n % 8] += hk_random() + (uint64_t)hk_now_ns();
	s->n++;
	return 0;
}

static void *simulate(void *arg)
{
	struct hk_sim_options o = { .seeds = 200 };

	CHECK_INT(hk_sim(draw, arg, &o), 0);
	return NULL;
}

TEST(each_thread_may_have_a_simulation)
{
	struct seen seen[3] = { 0 };
	pthread_t threads[3];

	for (size_t i = 0; i < 3; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, simulate, &seen[i]), 0);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	CHECK_INT(seen[0].n, 200);
	CHECK(memcmp(&seen[0], &seen[1], sizeof(seen[0])) == 0);
	CHECK(memcmp(&seen[0], &seen[2], sizeof(seen[0])) == 0);
}

TEST(signals_are_as_before_afterwards)
{
	struct sigaction now;
	struct seen s = { 0 };

	CHECK_INT(hk_sim(see_seed, &s, NULL), 0);
	CHECK_INT(sigaction(SIGABRT, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL);
}

static const struct test tests[] = {
	T(every_order_comes_up),
	T(in_order_is_first_come_first_served),
	T(seeds_count_up_and_decide_random_numbers),
	T(a_simulation_in_a_loop_is_refused),
	T(the_environment_says_which_and_how_many),
	T(time_jumps_and_is_the_same_each_time),
	T(what_takes_longer_than_the_limit_has_failed),
	T(the_day_is_always_the_same),
	T(all_parked_means_all_others_wait),
	T(off_loaded_calls_run_without_threads_in_virtual_time),
	T(two_runs_that_differ_are_told_apart),
	T(every_failure_names_its_seed),
	T(an_abort_in_the_middle_is_replayable_too),
	T(each_thread_may_have_a_simulation),
	T(signals_are_as_before_afterwards),
};

int main(void)
{
	unsetenv("HOCKET_SEEDS"); /* how many is what these tests are about */
	return RUN_TESTS(tests);
}
