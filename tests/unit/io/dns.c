/* dns.c - names: asked for once, remembered, and nobody held by a slow resolver
 *
 * The resolver is the test's: what it answers, and when. */
#include "check.h"
#include "io/dns.h"
#include <errno.h>
#include <fcntl.h>
#include <hocket/hocket.h>
#include <semaphore.h>
#include <stdatomic.h>

struct asking {
	struct dns *dns;
	int r;
	struct dns_answer answer;
	const char *why;
};

static int ask(void *arg) SUSPENDS
{
	struct asking *a = arg;
	a->r = dns_lookup(a->dns, S("LOCALHOST"), &a->answer, &a->why);
	return 0;
}

static int names(void *arg) SUSPENDS
{
	struct hk_stats before, after;
	struct asking many[50];
	struct dns_answer answer;
	const char *why = NULL;
	char text[64];
	(void)arg;
	struct dns *d = dns_new();
	CHECK_INT(dns_lookup(d, S("127.0.0.1"), &answer, &why), 0);
	CHECK_STR(dns_address_text(&answer.at[0], text), "127.0.0.1");
	CHECK_INT(dns_lookup(d, S("::1"), &answer, &why), 0);
	CHECK_STR(dns_address_text(&answer.at[0], text), "::1");
	hk_stats_get(&before);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct asking){ .dns = d };
	CHECK_INT(hk_gather(ask, many, ARRAY_SIZE(many), sizeof(many[0]), NULL), 0);
	CHECK_INT(dns_lookup(d, S("localhost"), &answer, &why), 0);
	hk_stats_get(&after);
	CHECK_INT(after.offloads - before.offloads, 1); /* all of them asked once */
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		CHECK(many[i].r == 0 && many[i].answer.n >= 1);
	CHECK_INT(dns_lookup(d, S(""), &answer, &why), -ENOENT);
	dns_free(d);
	return 0;
}

TEST(a_name_is_asked_for_once)
{
	CHECK_INT(hk_run(names, NULL, NULL), 0);
}

static int names_grow_old(void *arg) SUSPENDS
{
	struct hk_stats before, after;
	struct dns_answer answer;
	const char *why = NULL;
	(void)arg;
	struct dns *d = dns_new();
	hk_stats_get(&before);
	for (int i = 0; i < 8; i++) { /* at 0, 10, 20, 30, ... seconds */
		CHECK_INT(dns_lookup(d, S("localhost"), &answer, &why), 0);
		CHECK_INT(hk_sleep(10 * HK_SEC), 0);
	}
	hk_stats_get(&after);
	CHECK_INT(after.offloads - before.offloads, 3); /* at 0, 30 and 60 */
	dns_free(d);
	return 0;
}

TEST(a_name_is_remembered_for_half_a_minute)
{
	CHECK_INT(hk_run(names_grow_old, NULL, &(struct hk_run_options){ .virtual_clock = true }),
		  0);
}

/* ---- a resolver that is slow -------------------------------------------------------------------- */

struct resolver {
	sem_t answer; /* one for each call */
	atomic_int asked, answered;
	const char *why;
};

static const char *resolve(void *arg, const char *host, struct dns_answer *ret)
{
	struct resolver *r = arg;
	(void)host;
	atomic_fetch_add(&r->asked, 1);
	while (sem_wait(&r->answer) < 0)
		continue;
	*ret = (struct dns_answer){ .n = 1 };
	ret->at[0].v4 =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001) };
	atomic_fetch_add(&r->answered, 1);
	return r->why;
}

static void resolver_let(struct resolver *r, int n)
{
	for (int i = 0; i < n; i++)
		CHECK_INT(sem_post(&r->answer), 0);
}

static void until(atomic_int *what, int n) SUSPENDS
{
	while (atomic_load(what) < n)
		CHECK_INT(hk_yield(), 0);
}

struct wanting {
	struct dns *dns;
	const char *host;
	struct hk_scope scope;
	struct dns_answer answer;
	const char *why;
	int r;
};

static int want(void *arg) SUSPENDS
{
	struct wanting *w = arg;
	hk_scope_open(&w->scope, HK_FOREVER);
	w->r = dns_lookup(w->dns, slice_str(w->host), &w->answer, &w->why);
	(void)hk_scope_close(&w->scope, 0);
	return 0;
}

static void run_with_resolver(hk_fn *fn, struct resolver *r)
{
	*r = (struct resolver){ 0 };
	CHECK_INT(sem_init(&r->answer, 0, 0), 0);
	CHECK_INT(hk_run(fn, r, NULL), 0);
	CHECK_INT(atomic_load(&r->answered), atomic_load(&r->asked));
	CHECK_INT(sem_destroy(&r->answer), 0);
}

static int late_answer(void *arg) SUSPENDS
{
	struct resolver *r = arg;
	struct hk_group g;
	struct dns *d = dns_new_asking(resolve, r);
	struct wanting w[3];
	for (size_t i = 0; i < 3; i++)
		w[i] = (struct wanting){ .dns = d, .host = "slow.test" };
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, want, &w[0]), 0);
	CHECK_INT(hk_spawn(&g, want, &w[1]), 0);
	until(&r->asked, 1);
	hk_scope_cancel(
		&w[0].scope); /* the asker leaves, the one that waits for its answer stays */
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_group_running(&g), 1);
	CHECK_INT(w[0].r, -ECANCELED);
	resolver_let(r, 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(w[1].r, 0);
	CHECK_INT(w[1].answer.n, 1);
	(void)want(&w[2]); /* remembered */
	CHECK_INT(w[2].r, 0);
	CHECK_INT(atomic_load(&r->asked), 1);
	dns_free(d);
	return 0;
}

TEST(a_cancelled_asker_leaves_and_its_late_answer_is_remembered)
{
	struct resolver r;
	run_with_resolver(late_answer, &r);
}

static int outlive(void *arg) SUSPENDS
{
	struct resolver *r = arg;
	struct hk_scope s;
	struct dns *d = dns_new_asking(resolve, r);
	struct wanting w = { .dns = d, .host = "slow.test" };
	hk_scope_open(&s, 5 * HK_MS);
	(void)want(&w);
	CHECK_INT(hk_scope_close(&s, w.r), -ETIMEDOUT);
	dns_free(d);
	resolver_let(r, 1); /* the call may be in the line still: it never asks then */
	return 0;
}

TEST(an_answer_may_come_after_the_end)
{
	struct resolver r;
	run_with_resolver(outlive, &r);
}

enum { SLOW = 6 };

static int all_hang(void *arg) SUSPENDS
{
	static const char *const hosts[SLOW] = { "a", "b", "c", "d", "e", "e" };
	struct resolver *r = arg;
	struct hk_group g;
	struct dns *d = dns_new_asking(resolve, r);
	struct wanting w[SLOW];
	hk_group_open(&g, NULL);
	for (size_t i = 0; i < SLOW; i++) {
		w[i] = (struct wanting){ .dns = d, .host = hosts[i] };
		CHECK_INT(hk_spawn(&g, want, &w[i]), 0);
	}
	until(&r->asked, 3);
	int fd = hk_file_open("/dev/null", O_RDONLY, 0); /* the pool has a thread left for files */
	CHECK(fd >= 0);
	CHECK_INT(hk_file_close(fd), 0);
	hk_scope_cancel(&w[4].scope); /* its question never came to a thread: the other one asks */
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(w[4].r, -ECANCELED);
	resolver_let(r, SLOW);
	CHECK_INT(hk_group_close(&g, 0), 0);
	for (size_t i = 0; i < SLOW; i++)
		CHECK_INT(w[i].r, i == 4 ? -ECANCELED : 0);
	CHECK_INT(atomic_load(&r->asked), 5); /* a to e */
	dns_free(d);
	return 0;
}

TEST(hanging_name_servers_leave_threads_for_others)
{
	struct resolver r;
	run_with_resolver(all_hang, &r);
}

static int no_such_host(void *arg) SUSPENDS
{
	struct resolver r = { .why = "no such host name" };
	struct dns *d = dns_new_asking(resolve, &r);
	struct wanting w = { .dns = d, .host = "none.test" };
	(void)arg;
	CHECK_INT(sem_init(&r.answer, 0, 0), 0);
	resolver_let(&r, 10);
	for (int i = 0; i < 5; i++) { /* at 0, 0.6, 1.2, 1.8 and 2.4 s */
		(void)want(&w);
		CHECK_INT(w.r, -ENOENT);
		CHECK_STR(w.why, "no such host name");
		CHECK_INT(hk_sleep(600 * HK_MS), 0);
	}
	CHECK_INT(atomic_load(&r.asked), 3); /* at 0, 1.2 and 2.4 s */
	dns_free(d);
	return 0;
}

TEST(a_failure_is_remembered_for_a_second)
{
	CHECK_INT(hk_run(no_such_host, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

static const struct test tests[] = {
	T(a_name_is_asked_for_once),
	T(a_name_is_remembered_for_half_a_minute),
	T(a_cancelled_asker_leaves_and_its_late_answer_is_remembered),
	T(an_answer_may_come_after_the_end),
	T(hanging_name_servers_leave_threads_for_others),
	T(a_failure_is_remembered_for_a_second),
};

int main(void)
{
	return RUN_TESTS(tests);
}
