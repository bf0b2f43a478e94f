/* stuck.c - a deadlock that says so
 *
 * Two transfers lock the same two accounts, each in its own order. Threads would hang there for ever, and so would asyncio.
 * Here every task waits and nothing is left that could wake one: the loop says who waits for what, and aborts. The cure
 * is one order for all: `./stuck cured` locks the account of the lower number first. */
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>

struct account {
	struct hk_mutex lock;
	int number, balance;
};
struct transfer {
	struct account *from, *to;
	int amount;
	bool cured;
};

static void move_money(struct transfer *t)
{
	t->from->balance -= t->amount;
	t->to->balance += t->amount;
	printf("%d from %d to %d\n", t->amount, t->from->number, t->to->number);
}

static int lock_both(struct account *first, struct account *second)
{
	int r = hk_mutex_lock(&first->lock);

	if (r < 0)
		return r;
	r = hk_sleep(10 * HK_MS); /* reads the balance from somewhere */
	if (r == 0)
		r = hk_mutex_lock(&second->lock);
	if (r < 0)
		hk_mutex_unlock(&first->lock);
	return r;
}

static int transfer(void *arg)
{
	struct transfer *t = arg;
	bool turn = t->cured && t->to->number < t->from->number;
	int r = turn ? lock_both(t->to, t->from) : lock_both(t->from, t->to);

	if (r < 0)
		return r;
	move_money(t);
	hk_mutex_unlock(&t->to->lock);
	hk_mutex_unlock(&t->from->lock);
	return 0;
}

static int program(void *arg)
{
	bool cured = arg != NULL;
	struct account a = { .number = 1, .balance = 100 }, b = { .number = 2, .balance = 100 };
	struct transfer there = { &a, &b, 10, cured }, back = { &b, &a, 20, cured };
	struct hk_group group;
	int r;

	hk_group_open(&group, &(struct hk_group_options){ .name = "transfers" });
	r = hk_spawn(&group, transfer, &there);
	if (r == 0)
		r = hk_spawn(&group, transfer, &back);
	return hk_group_close(&group, r);
}

int main(int argc, char **argv)
{
	return hk_run(program, argc > 1 ? argv[1] : NULL, NULL) < 0;
}
