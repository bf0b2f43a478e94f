/* model.c - a queue, a semaphore and a mutex beside a model of twenty lines each, step by step, over many seeds
 *
 * What this room is for: order. The other tests look at cases that somebody thought of; here the cases are drawn.
 * What flows through:    steps. A worker is told to put, get, acquire, lock or unlock, with or without a deadline; or the driver
 *   does some things without waiting in between: takes, gives, releases, cancels, closes. The model does the same with arrays.
 * What must hold after each step: who waits, who was served with what, what is in the queue and how many permits are free is
 *   exactly as the model says, whatever the order in which the woken tasks run. */
#include "in_loop.h"

enum { WORKERS = 7, CAPACITY = 3, PERMITS = 2, STEPS = 400, WAITING = 1000 };
enum op { PUT, GET, ACQUIRE, LOCK, UNLOCK, QUIT };
enum line_name { PUTTERS, GETTERS, ACQUIRERS, LOCKERS, LINES };

struct world;
struct worker {
	struct world *world;
	struct hk_event go;
	struct hk_scope scope;
	enum op op;
	int item, result;
	int64_t timeout_ns;
};

struct line {
	int who[WORKERS], n;
};

struct model {
	struct line lines[LINES];
	int ring[CAPACITY], len;
	bool closed;
	int free, owner; /* owner -1: nobody */
	int result[WORKERS], item[WORKERS];
	int64_t deadline_ns[WORKERS];
	int in, out; /* items that went in and came out */
};

struct world {
	struct hk_queue *q;
	struct hk_sem sem;
	struct hk_mutex mutex;
	struct worker workers[WORKERS];
	struct model model;
	int next_item, step;
};

static int dice(int n)
{
	return (int)(hk_random() % (uint64_t)n);
}

/* ---- the model: lines ---------------------------------------------------------------------- */

static void line_push(struct line *l, int who)
{
	l->who[l->n++] = who;
}

static void line_cut(struct line *l, int at)
{
	for (l->n--; at < l->n; at++)
		l->who[at] = l->who[at + 1];
}

/* The first, out of the line; -1: nobody. */
static int line_pop(struct line *l)
{
	int first = l->n > 0 ? l->who[0] : -1;

	if (l->n > 0)
		line_cut(l, 0);
	return first;
}

/* Cancelled or too late: out of whatever line, if it stands in one. */
static void model_give_up(struct model *m, int who, int result)
{
	if (m->result[who] != WAITING)
		return;
	for (int i = 0; i < LINES; i++)
		for (int at = 0; at < m->lines[i].n; at++)
			if (m->lines[i].who[at] == who)
				line_cut(&m->lines[i], at);
	m->result[who] = result;
}

/* ---- the model: what the calls mean -------------------------------------------------------- */

static int model_try_put(struct model *m, int item)
{
	int getter;

	if (m->closed)
		return -EPIPE;
	getter = line_pop(&m->lines[GETTERS]);
	if (getter < 0 && m->len == CAPACITY)
		return -EAGAIN;
	m->in++;
	if (getter < 0) {
		m->ring[m->len++] = item;
		return 0;
	}
	m->out++;
	m->item[getter] = item;
	m->result[getter] = 0;
	return 0;
}

static int model_try_get(struct model *m, int *item)
{
	int putter;

	if (m->len == 0)
		return m->closed ? -EPIPE : -EAGAIN;
	*item = m->ring[0];
	m->out++;
	for (int i = 1; i < m->len; i++)
		m->ring[i - 1] = m->ring[i];
	m->len--;
	putter = line_pop(&m->lines[PUTTERS]);
	if (putter >= 0) {
		m->in++;
		m->ring[m->len++] = m->item[putter];
		m->result[putter] = 0;
	}
	return 0;
}

static void model_close(struct model *m)
{
	m->closed = true;
	for (int i = PUTTERS; i <= GETTERS; i++)
		for (int who; (who = line_pop(&m->lines[i])) >= 0;)
			m->result[who] = -EPIPE;
}

static int model_try_acquire(struct model *m)
{
	if (m->free == 0)
		return -EAGAIN;
	m->free--;
	return 0;
}

static void model_release(struct model *m)
{
	int who = line_pop(&m->lines[ACQUIRERS]);

	if (who < 0)
		m->free++;
	else
		m->result[who] = 0;
}

static int model_try_lock(struct model *m, int who)
{
	if (m->owner == who)
		return -EDEADLK;
	if (m->owner >= 0)
		return -EAGAIN;
	m->owner = who;
	return 0;
}

static int model_unlock(struct model *m)
{
	m->owner = line_pop(&m->lines[LOCKERS]);
	if (m->owner >= 0)
		m->result[m->owner] = 0;
	return 0;
}

static int model_try(struct model *m, int who, enum op op)
{
	switch (op) {
	case PUT:
		return model_try_put(m, m->item[who]);
	case GET:
		return model_try_get(m, &m->item[who]);
	case ACQUIRE:
		return model_try_acquire(m);
	case LOCK:
		return model_try_lock(m, who);
	default:
		return model_unlock(m);
	}
}

/* A worker begins: it is served at once, or stands in the line, or is too late already. */
static void model_begin(struct model *m, const struct worker *w, int who)
{
	int r;

	m->item[who] = w->item;
	m->deadline_ns[who] =
		w->timeout_ns == HK_FOREVER ? HK_FOREVER : hk_now_ns() + w->timeout_ns;
	r = w->timeout_ns <= 0 && w->op != UNLOCK ? -ETIMEDOUT : model_try(m, who, w->op);
	m->result[who] = r == -EAGAIN ? WAITING : r;
	if (r == -EAGAIN)
		line_push(&m->lines[w->op], who);
}

/* ---- the workers --------------------------------------------------------------------------- */

static int perform(struct worker *w)
{
	struct world *world = w->world;

	switch (w->op) {
	case PUT:
		return hk_queue_put(world->q, &w->item);
	case GET:
		return hk_queue_get(world->q, &w->item);
	case ACQUIRE:
		return hk_sem_acquire(&world->sem);
	case LOCK:
		return hk_mutex_lock(&world->mutex);
	default:
		hk_mutex_unlock(&world->mutex);
		return 0;
	}
}

static int worker(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		CHECK_INT(hk_event_wait(&w->go), 0);
		hk_event_clear(&w->go);
		if (w->op == QUIT)
			return 0;
		hk_scope_open(&w->scope, w->timeout_ns);
		w->result = hk_scope_close(&w->scope, perform(w));
	}
}

static void tell(struct worker *w, enum op op)
{
	w->op = op;
	w->result = WAITING;
	hk_event_set(&w->go);
}

/* ---- the driver ---------------------------------------------------------------------------- */

static void begin_something(struct world *w)
{
	static const int64_t timeouts[] = {
		HK_FOREVER, HK_FOREVER, HK_MS, 2 * HK_MS, 3 * HK_MS, 0
	};
	int who = dice(WORKERS);
	struct worker *worker = &w->workers[who];
	enum op op = (enum op)dice(4);

	if (w->model.result[who] == WAITING)
		return;
	if (w->model.owner == who && dice(2))
		op = UNLOCK;
	worker->item = op == PUT ? ++w->next_item : -1;
	worker->timeout_ns = timeouts[dice(6)];
	tell(worker, op);
	model_begin(&w->model, worker, who);
}

static void try_put(struct world *w)
{
	int item = ++w->next_item;

	CHECK_INT(hk_queue_try_put(w->q, &item), model_try_put(&w->model, item));
}

static void try_get(struct world *w)
{
	int item = -1, modelled = -1;

	CHECK_INT(hk_queue_try_get(w->q, &item), model_try_get(&w->model, &modelled));
	CHECK_INT(item, modelled);
}

static void release(struct world *w)
{
	if (w->model.free == PERMITS)
		return;
	hk_sem_release(&w->sem);
	model_release(&w->model);
}

static void cancel_somebody(struct world *w)
{
	int who = dice(WORKERS);

	hk_scope_cancel(&w->workers[who].scope);
	model_give_up(&w->model, who, -ECANCELED);
}

static void close_queue(struct world *w)
{
	hk_queue_close(w->q);
	model_close(&w->model);
}

static struct hk_queue *new_queue(void)
{
	struct hk_queue *q = hk_queue_new(sizeof(int), CAPACITY);

	ASSERT(q);
	return q;
}

/* A closed queue is drained, and a new one takes its place. */
static void replace_queue(struct world *w)
{
	while (w->model.len > 0)
		try_get(w);
	try_get(w);
	hk_queue_free(w->q);
	w->q = new_queue();
	w->model.closed = false;
}

/* Things that happen in one turn: those who are served have not run when the next one happens. */
static void do_without_waiting(struct world *w)
{
	for (int n = 1 + dice(4); n > 0; n--) {
		switch (dice(7)) {
		case 0:
			try_put(w);
			break;
		case 1:
			try_get(w);
			break;
		case 2:
		case 3:
			release(w);
			break;
		case 4:
			CHECK_INT(hk_sem_try_acquire(&w->sem), model_try_acquire(&w->model));
			break;
		case 5:
			cancel_somebody(w);
			break;
		default:
			if (dice(20) == 0)
				close_queue(w);
		}
		CHECK_INT(hk_queue_len(w->q), w->model.len);
		CHECK_INT(hk_sem_free(&w->sem), w->model.free);
		CHECK_INT(hk_sem_waiting(&w->sem), w->model.lines[ACQUIRERS].n);
	}
}

static void let_time_pass(struct world *w)
{
	CHECK_INT(hk_sleep(HK_MS), 0);
	for (int i = 0; i < WORKERS; i++)
		if (w->model.deadline_ns[i] <= hk_now_ns())
			model_give_up(&w->model, i, -ETIMEDOUT);
}

static void compare(const struct world *w)
{
	const struct model *m = &w->model;
	int before = test_failures_;

	for (int i = 0; i < WORKERS; i++) {
		CHECK_INT(w->workers[i].result, m->result[i]);
		if (m->result[i] == 0)
			CHECK_INT(w->workers[i].item, m->item[i]);
	}
	CHECK_INT(hk_queue_len(w->q), m->len);
	CHECK_INT(hk_queue_closed(w->q), m->closed);
	CHECK_INT(hk_sem_free(&w->sem), m->free);
	CHECK_INT(hk_sem_waiting(&w->sem), m->lines[ACQUIRERS].n);
	CHECK_INT(m->in - m->out, m->len);
	CHECK(m->len <= CAPACITY && m->free >= 0 && m->free <= PERMITS);
	if (test_failures_ > before)
		printf("# at step %d of seed %" PRIu64 "\n", w->step, hk_sim_seed());
}

static void step(struct world *w)
{
	int what = dice(10);

	if (w->model.closed && dice(4) == 0)
		replace_queue(w);
	else if (what < 5)
		begin_something(w);
	else if (what < 9)
		do_without_waiting(w);
	else
		let_time_pass(w);
	CHECK_INT(hk_wait_all_parked(), 0);
	compare(w);
}

static void end(struct world *w)
{
	for (int i = 0; i < WORKERS; i++)
		hk_scope_cancel(&w->workers[i].scope);
	CHECK_INT(hk_wait_all_parked(), 0);
	if (w->model.owner >= 0)
		tell(&w->workers[w->model.owner], UNLOCK); /* nobody waits for it any more */
	CHECK_INT(hk_wait_all_parked(), 0);
	for (int i = 0; i < WORKERS; i++)
		tell(&w->workers[i], QUIT);
}

TEST_IN_SIM(everything_is_as_the_model_says, 500)
{
	struct world w = { .q = new_queue(),
			   .sem = HK_SEM(PERMITS),
			   .model = { .free = PERMITS, .owner = -1 } };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < WORKERS; i++) {
		w.workers[i].world = &w;
		CHECK_INT(hk_spawn(&g, worker, &w.workers[i]), 0);
	}
	CHECK_INT(hk_wait_all_parked(), 0);
	for (w.step = 0; w.step < STEPS && !test_failures_; w.step++)
		step(&w);
	end(&w);
	CHECK_INT(hk_group_close(&g, 0), 0);
	hk_queue_free(w.q);
}

static const struct test tests[] = {
	T(everything_is_as_the_model_says),
};

int main(void)
{
	return RUN_TESTS(tests);
}
