/* chaos.c - random trees of tasks that cancel each other, over many seeds
 *
 * Each task does random things in random scopes: sleeps, takes permits, moves items, opens groups, cancels scopes of others,
 * fails. Whatever the order, at the end nothing may hang, no permit and no item may be missing, and what a scope reports must
 * fit what happened to it. A failing seed replays exactly. */
#include "in_loop.h"
#include "base/rand.h"

enum { DEPTH = 4, SCOPES = 64 };

struct world {
	struct rand rand;
	struct hk_sem sem;
	struct hk_mutex mutex;
	struct hk_queue *q;
	struct hk_scope *scopes[SCOPES]; /* open ones, to be cancelled by anybody */
	int holders, put, got, lost, tasks, steps;
	int all_tasks; /* of all seeds */
	uint64_t seed;
};
struct node {
	struct world *w;
	int depth;
};

static uint64_t dice(struct world *w, uint64_t n)
{
	return rand_below(&w->rand, n);
}

static int use_sem(struct world *w)
{
	int r = hk_sem_acquire(&w->sem);

	if (r < 0)
		return r;
	CHECK(++w->holders <= 2);
	r = hk_sleep((int64_t)dice(w, 4));
	w->holders--;
	hk_sem_release(&w->sem);
	return r;
}

static int use_mutex(struct world *w)
{
	int r = hk_mutex_lock(&w->mutex);

	if (r < 0)
		return r;
	r = hk_yield();
	hk_mutex_unlock(&w->mutex);
	return r;
}

static int use_queue(struct world *w)
{
	int item = 1, r;

	if (dice(w, 2)) {
		r = hk_queue_put(w->q, &item);
		w->put += r == 0;
	} else {
		r = hk_queue_get(w->q, &item);
		w->got += r == 0;
	}
	return r == -EPIPE ? 0 : r;
}

static int cancel_somebody(struct world *w)
{
	struct hk_scope *s = w->scopes[dice(w, SCOPES)];

	if (s)
		hk_scope_cancel(s);
	return hk_checkpoint();
}

static int act(struct node *n) HK_SUSPENDS;

static int in_scope(struct node *n, bool shield)
{
	struct world *w = n->w;
	size_t slot = dice(w, SCOPES);
	bool listed = !w->scopes[slot], outside;
	struct hk_scope s;
	int r;

	if (shield)
		hk_scope_open_shield(&s, (int64_t)dice(w, 10));
	else
		hk_scope_open(&s, (int64_t)dice(w, 10));
	if (listed)
		w->scopes[slot] = &s;
	r = act(n);
	if (listed)
		w->scopes[slot] = NULL;
	if (r == -ECANCELED)
		CHECK(hk_checkpoint() == -ECANCELED);
	r = hk_scope_close(&s, r);
	outside = hk_checkpoint() < 0;
	if (r == -ETIMEDOUT)
		CHECK(hk_scope_cancelled(&s) && !outside);
	return r == -ETIMEDOUT || !outside ? 0 : r;
}

static int task(void *arg);

static int in_group(struct node *n)
{
	struct world *w = n->w;
	struct node child = { w, n->depth + 1 };
	struct hk_group_options o = { .policy = dice(w, 2) ? HK_COLLECT : HK_FAIL_FAST };
	struct hk_group g;
	int r;

	hk_group_open(&g, &o);
	for (uint64_t i = dice(w, 4); i > 0; i--)
		CHECK_INT(hk_spawn(&g, task, &child), 0);
	r = hk_group_close(&g, dice(w, 3) ? 0 : act(n));
	CHECK_INT(hk_group_running(&g), 0);
	if (r == -ECANCELED)
		CHECK_INT(hk_checkpoint(), -ECANCELED); /* never a stray one */
	return r == -EIO ? 0 : r;
}

static int act(struct node *n)
{
	uint64_t what = dice(n->w, n->depth < DEPTH ? 12 : 8);

	if (n->w->steps++ > 20000)
		return -EIO;
	switch (what) {
	case 0:
	case 1:
		return hk_sleep((int64_t)dice(n->w, 6));
	case 2:
		return hk_yield();
	case 3:
		return use_sem(n->w);
	case 4:
		return use_mutex(n->w);
	case 5:
		return use_queue(n->w);
	case 6:
		return cancel_somebody(n->w);
	case 7:
		return dice(n->w, 6) ? 0 : -EIO;
	case 8:
	case 9:
		return in_group(n);
	default:
		return in_scope(n, what == 11);
	}
}

static int task(void *arg)
{
	struct node n = *(struct node *)arg;
	int r = 0;

	n.w->tasks++;
	for (uint64_t i = 1 + dice(n.w, 6); i > 0 && r == 0; i--)
		r = act(&n);
	return r;
}

/* Waits on the queue must end at some time: the queue is closed after a while. */
static int close_later(void *arg)
{
	struct world *w = arg;
	int r = hk_sleep(500);

	hk_queue_close(w->q);
	return r;
}

static int chaos(void *arg)
{
	struct world *w = arg;
	struct node root = { w, 0 };
	struct hk_group g;

	hk_group_open(&g, &(struct hk_group_options){ .policy = HK_COLLECT });
	CHECK_INT(hk_spawn(&g, close_later, w), 0);
	for (int i = 0; i < 12; i++)
		CHECK_INT(hk_spawn(&g, task, &root), 0);
	CHECK(hk_group_close(&g, 0) != -ECANCELED);
	CHECK_INT(hk_checkpoint(), 0);
	return 0;
}

static struct world world;

static void make_world(uint64_t seed, void *arg)
{
	ASSERT(arg == &world);
	world = (struct world){ .sem = HK_SEM(2),
				.q = hk_queue_new(sizeof(int), 3),
				.seed = seed,
				.all_tasks = world.all_tasks };
	rand_seed(&world.rand, seed);
}

static int check_world(uint64_t seed, int result, void *arg)
{
	struct world *w = arg;

	CHECK_INT(result, 0);
	CHECK_INT(hk_sem_free(&w->sem), 2);
	CHECK_INT(hk_sem_waiting(&w->sem), 0);
	CHECK(w->mutex.owner_ == NULL);
	CHECK_INT(w->put, w->got + (int)hk_queue_len(w->q));
	hk_queue_free(w->q);
	w->all_tasks += w->tasks;
	return sim_checks_(seed, result, arg);
}

TEST(nothing_hangs_and_nothing_is_lost)
{
	world = (struct world){ 0 };
	for (uint64_t seed = 1; seed <= 400 && !test_failures_; seed++) {
		make_world(seed, &world);
		(void)check_world(seed, in_loop(chaos, &world), &world);
	}
	if (test_failures_)
		printf("# seed %" PRIu64 "\n", world.seed);
	CHECK(world.all_tasks > 20000);
	printf("# %d tasks\n", world.all_tasks);
}

/* What nobody reads in all this is no news. */
static const struct hk_run_options quiet = { .report = sim_quiet_ };

TEST(nor_in_any_order_of_running)
{
	struct hk_sim_options o = {
		.seeds = 1000, .before = make_world, .after = check_world, .run = &quiet
	};

	world = (struct world){ 0 };
	CHECK_INT(hk_sim(chaos, &world, &o), 0);
	printf("# %d tasks\n", world.all_tasks);
}

TEST(chaos_replays)
{
	struct hk_sim_options o = { .seeds = 50,
				    .before = make_world,
				    .after = check_world,
				    .run = &quiet,
				    .check_twice = true };

	CHECK_INT(hk_sim(chaos, &world, &o), 0);
}

static const struct test tests[] = {
	T(nothing_hangs_and_nothing_is_lost),
	T(nor_in_any_order_of_running),
	T(chaos_replays),
};

int main(void)
{
	return RUN_TESTS(tests);
}
