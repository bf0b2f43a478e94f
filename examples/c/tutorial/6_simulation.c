/* 6_simulation.c - a bug that shows in one order of a thousand, found, replayed and mended */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <string.h>

struct account {
	struct hk_mutex lock;
	int balance;
	bool locked; /* does deposit() take the lock? */
};

static int deposit(void *arg)
{
	struct account *a = arg;
	int before, r = a->locked ? hk_mutex_lock(&a->lock) : 0;

	if (r < 0)
		return r;
	before = a->balance;
	if (hk_random() % 4 == 0)
		r = hk_yield(); /* a slow day: something waits between reading and writing */
	a->balance = before + 1;
	if (a->locked)
		hk_mutex_unlock(&a->lock);
	return r;
}

static int two_deposits(void *arg)
{
	struct account account = { .locked = *(bool *)arg };
	struct hk_group group;
	int r;

	hk_group_open(&group, NULL);
	r = hk_spawn(&group, deposit, &account);
	if (r == 0)
		r = hk_spawn(&group, deposit, &account);
	r = hk_group_close(&group, r);
	return r < 0 ? r : account.balance == 2 ? 0 : -EBADMSG; /* a deposit was lost */
}

int main(void)
{
	bool locked = false;
	int r;

	r = hk_sim(two_deposits, &locked, &(struct hk_sim_options){ .seeds = 1000 });
	printf("without the lock: %s\n", r == -EBADMSG ? "a deposit was lost" : "no bug found");
	locked = true;
	r = hk_sim(two_deposits, &locked, &(struct hk_sim_options){ .seeds = 1000 });
	printf("with the lock: %s\n", r == 0 ? "1000 orders, none lost" : "still a bug");
	return r < 0;
}
