/* cancel.c - what cancellation and deadlines cost
 *
 * What this room is for: every suspending call asks whether its scope was cancelled, every deadline is a place in a heap. Here
 *   the same work is done without a scope, inside one, inside ten, and with a deadline of its own around each call; the
 *   differences are the price.
 * How to read it:        cancel [CASE...] prints microseconds of CPU for one operation (micro.h). Each deadline is a minute away, so
 *   none runs out.
 * What must hold:        a case and its plain twin differ in the scopes alone. */
#include "micro.h"
#include <string.h>
#include <sys/socket.h>

enum { DEEP = 10, HUNDRED = 100, THOUSAND = 1000, MESSAGE = 64 };

static const int64_t far_ns = 60 * HK_SEC;

/* ---- scopes by themselves ------------------------------------------------------------------ */

static int checkpoint(void *arg)
{
	struct micro_run *run = arg;

	for (size_t i = 0; i < run->n; i++)
		micro_must(hk_checkpoint(), "checkpoint");
	return 0;
}

static void open_and_close(size_t n, int64_t timeout_ns)
{
	for (size_t i = 0; i < n; i++) {
		struct hk_scope s;
		hk_scope_open(&s, timeout_ns);
		micro_must(hk_scope_close(&s, 0), "close");
	}
}

static int scope(void *arg)
{
	open_and_close(((struct micro_run *)arg)->n, HK_FOREVER);
	return 0;
}

static int scope_deadline(void *arg)
{
	open_and_close(((struct micro_run *)arg)->n, far_ns);
	return 0;
}

static int group_empty(void *arg)
{
	struct micro_run *run = arg;

	for (size_t i = 0; i < run->n; i++) {
		struct hk_group g;
		hk_group_open(&g, NULL);
		micro_must(hk_group_close(&g, 0), "close");
	}
	return 0;
}

/* fn(arg) inside so many scopes with a deadline. */
static int inside(int scopes, hk_fn *fn, void *arg)
{
	struct hk_scope s;

	if (scopes == 0)
		return fn(arg);
	hk_scope_open(&s, far_ns);
	return hk_scope_close(&s, inside(scopes - 1, fn, arg));
}

/* ---- a queue ------------------------------------------------------------------------------- */

struct pipe {
	struct hk_queue *queue;
	size_t n;
	hk_fn *consumer;
};

static int producer(void *arg)
{
	struct pipe *p = arg;

	for (size_t i = 0; i < p->n; i++)
		micro_must(hk_queue_put(p->queue, &i), "put");
	hk_queue_close(p->queue);
	return 0;
}

static int consumer(void *arg)
{
	struct pipe *p = arg;
	size_t item;

	while (hk_queue_get(p->queue, &item) == 0)
		continue;
	return 0;
}

static int impatient_consumer(void *arg)
{
	struct pipe *p = arg;
	size_t item;
	int r;

	do {
		struct hk_scope s;
		hk_scope_open(&s, far_ns);
		r = hk_scope_close(&s, hk_queue_get(p->queue, &item));
	} while (r == 0);
	return 0;
}

static int both_ends(void *arg)
{
	struct pipe *p = arg;
	struct hk_group g;

	hk_group_open(&g, NULL);
	micro_must(hk_spawn(&g, producer, p), "spawn");
	micro_must(hk_spawn(&g, p->consumer, p), "spawn");
	return hk_group_close(&g, 0);
}

static int queue_in(size_t n, int scopes, hk_fn *reader)
{
	struct pipe p = { hk_queue_new(sizeof(size_t), HUNDRED), n, reader };
	int r = inside(scopes, both_ends, &p);

	hk_queue_free(p.queue);
	return r;
}

static int queue_0(void *arg)
{
	return queue_in(((struct micro_run *)arg)->n, 0, consumer);
}

static int queue_1(void *arg)
{
	return queue_in(((struct micro_run *)arg)->n, 1, consumer);
}

static int queue_10(void *arg)
{
	return queue_in(((struct micro_run *)arg)->n, DEEP, consumer);
}

static int queue_deadline(void *arg)
{
	return queue_in(((struct micro_run *)arg)->n, 0, impatient_consumer);
}

/* ---- a socket: two tasks send one message to and fro; each read waits ----------------------- */

struct ball {
	int fd;
	size_t n;
	bool deadline;
};

static void read_message(struct ball *b)
{
	char message[MESSAGE];
	struct hk_scope s;

	if (!b->deadline) {
		micro_must((int)hk_read(b->fd, message, MESSAGE), "read");
		return;
	}
	hk_scope_open(&s, far_ns);
	micro_must(hk_scope_close(&s, (int)hk_read(b->fd, message, MESSAGE)), "read");
}

static int player(void *arg)
{
	static const char message[MESSAGE];
	struct ball *b = arg;

	for (size_t i = 0; i < b->n / 2; i++) {
		micro_must((int)hk_write(b->fd, message, MESSAGE), "write");
		read_message(b);
	}
	return 0;
}

static int play(size_t n, bool deadline)
{
	int fds[2];
	micro_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0 ? -1
											       : 0,
		   "socketpair");
	struct ball balls[] = { { fds[0], n, deadline }, { fds[1], n, deadline } };
	struct hk_group g;

	hk_group_open(&g, NULL);
	micro_must(hk_spawn(&g, player, &balls[0]), "spawn");
	micro_must(hk_spawn(&g, player, &balls[1]), "spawn");
	int r = hk_group_close(&g, 0);
	hk_close(fds[0]);
	hk_close(fds[1]);
	return r;
}

static int read_plain(void *arg)
{
	return play(((struct micro_run *)arg)->n, false);
}

static int read_deadline(void *arg)
{
	return play(((struct micro_run *)arg)->n, true);
}

/* ---- sleeping: a thousand tasks, a millisecond each ------------------------------------------ */

static int sleeper(void *arg)
{
	size_t each = *(size_t *)arg / THOUSAND;

	for (size_t i = 0; i < each; i++)
		micro_must(hk_sleep(HK_MS), "sleep");
	return 0;
}

static int impatient_sleeper(void *arg)
{
	size_t each = *(size_t *)arg / THOUSAND;

	for (size_t i = 0; i < each; i++) {
		struct hk_scope s;
		hk_scope_open(&s, far_ns);
		micro_must(hk_scope_close(&s, hk_sleep(HK_MS)), "sleep");
	}
	return 0;
}

static int sleepers(struct micro_run *run, hk_fn *fn)
{
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (int i = 0; i < THOUSAND; i++)
		micro_must(hk_spawn(&g, fn, &run->n), "spawn");
	return hk_group_close(&g, 0);
}

static int sleep_plain(void *arg)
{
	return sleepers(arg, sleeper);
}

static int sleep_deadline(void *arg)
{
	return sleepers(arg, impatient_sleeper);
}

/* ---- cancelling: n tasks that wait, all at once; from the word to the end of the last -------- */

static int waiter(void *arg)
{
	return hk_event_wait(arg);
}

static int cancel(void *arg)
{
	struct micro_run *run = arg;
	struct hk_event never = { 0 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	for (size_t i = 0; i < run->n; i++)
		micro_must(hk_spawn(&g, waiter, &never), "spawn");
	micro_must(hk_yield(), "yield");
	int64_t before = micro_cpu_ns();
	hk_group_cancel(&g);
	int r = hk_group_close(&g, 0);
	run->ns = micro_cpu_ns() - before;
	return r;
}

int main(int argc, char **argv)
{
	static const struct micro_case cases[] = {
		{ "checkpoint", checkpoint, 20000000, MICRO_CPU },
		{ "scope", scope, 5000000, MICRO_CPU },
		{ "scope_deadline", scope_deadline, 2000000, MICRO_CPU },
		{ "group_empty", group_empty, 5000000, MICRO_CPU },
		{ "queue_0", queue_0, 4000000, MICRO_CPU },
		{ "queue_1", queue_1, 4000000, MICRO_CPU },
		{ "queue_10", queue_10, 4000000, MICRO_CPU },
		{ "queue_deadline", queue_deadline, 1000000, MICRO_CPU },
		{ "read", read_plain, 100000, MICRO_CPU },
		{ "read_deadline", read_deadline, 100000, MICRO_CPU },
		{ "sleep", sleep_plain, 100000, MICRO_CPU },
		{ "sleep_deadline", sleep_deadline, 100000, MICRO_CPU },
		{ "cancel", cancel, 100000, MICRO_CPU },
	};

	return micro_main(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
