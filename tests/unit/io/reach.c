/* reach.c - tests of src/io/reach.c: several addresses, the first that answers */
#include "check.h"
#include "io/http/http_client_.h"
#include "io/http/http_pool.h"
#include "io/reach.h"
#include "rt/in_loop.h"
#include "scripted.h"
#include <arpa/inet.h>
#include <errno.h>
#include <hocket/fd.h>

/* ---- the order --------------------------------------------------------------------------------------- */

static void add_address(struct dns_answer *a, const char *text, uint16_t port)
{
	union dns_address *to = &a->at[a->n++];
	*to = (union dns_address){ 0 };
	if (inet_pton(AF_INET, text, &to->v4.sin_addr) == 1)
		to->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &to->v6.sin6_addr) == 1)
		to->v6.sin6_family = AF_INET6;
	dns_address_set_port(to, port);
}

static void check_order(const char *in, const char *last, const char *want)
{
	struct dns_answer a = { 0 }, l = { 0 };
	AUTO(buf_done) struct buf got = { 0 };
	struct slice rest = slice_str(in), word;
	char text[64];
	while (rest.n > 0) {
		slice_cut(rest, ' ', &word, &rest);
		snprintf(text, sizeof(text), "%.*s", SLICE(word));
		add_address(&a, text, 80);
	}
	if (last)
		add_address(&l, last, 81);
	reach_order(&a, last ? &l.at[0] : NULL);
	for (unsigned i = 0; i < a.n; i++)
		CHECK_INT(buf_printf(&got, "%s%s", i ? " " : "", dns_address_text(&a.at[i], text)),
			  0);
	CHECK_SLICE(buf_slice(&got), slice_str(want));
}

TEST(families_take_turns)
{
	check_order("", NULL, "");
	check_order("10.0.0.1", NULL, "10.0.0.1");
	check_order("::1 ::2 ::3 10.0.0.1 10.0.0.2", NULL, "::1 10.0.0.1 ::2 10.0.0.2 ::3");
	check_order("10.0.0.1 10.0.0.2 ::1", NULL, "10.0.0.1 ::1 10.0.0.2");
	check_order("10.0.0.1 10.0.0.2", NULL, "10.0.0.1 10.0.0.2");
}

TEST(what_was_reached_comes_first)
{
	check_order("::1 ::2 10.0.0.1", "10.0.0.1", "10.0.0.1 ::1 ::2");
	check_order("::1 ::2", "::2", "::2 ::1");
	check_order("::1 ::2", "::1", "::1 ::2");
	check_order("::1 10.0.0.1", "10.0.0.9", "::1 10.0.0.1");
}

/* ---- the race ------------------------------------------------------------------------------------------ */

/* A host that swallows packets: its backlog is full. */
struct silent {
	int listener, in_line[2];
};

static void silent_open(struct silent *s, const char *address, uint16_t port) SUSPENDS
{
	struct dns_answer a = { 0 };
	add_address(&a, address, port);
	s->listener = hk_listen(address, port, 1);
	CHECK(s->listener >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(s->in_line); i++) {
		s->in_line[i] = hk_connect(&a.at[0].any, dns_address_size(&a.at[0]));
		CHECK(s->in_line[i] >= 0);
	}
}

static void silent_close(struct silent *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->in_line); i++)
		CHECK_INT(hk_close(s->in_line[i]), 0);
	CHECK_INT(hk_close(s->listener), 0);
}

struct far_side { /* accepts and looks how each connection ends */
	int listener;
	unsigned accepted, ended;
};

static int far_conn(void *arg) SUSPENDS
{
	char byte;
	int fd = *(int *)arg;
	free(arg);
	ssize_t r = hk_read(fd, &byte, 1);
	CHECK(r == 0 || r == -ECONNRESET || r == -ECANCELED);
	CHECK_INT(hk_close(fd), 0);
	return 0;
}

static int far_run(void *arg) SUSPENDS
{
	struct far_side *f = arg;
	struct hk_group g;
	int fd;
	hk_group_open(&g, NULL);
	while ((fd = hk_accept(f->listener)) >= 0) {
		int *own = xmalloc(sizeof(*own));
		*own = fd;
		f->accepted++;
		CHECK_INT(hk_spawn(&g, far_conn, own), 0);
	}
	CHECK_INT(hk_group_close(&g, fd), -ECANCELED);
	return 0;
}

enum { PORT = 4000 };

/* A race over these addresses; where it ends, who won, and after how long. */
static void check_race(const struct dns_answer *a, int want, unsigned which, int64_t least_ms,
		       int64_t most_ms) SUSPENDS
{
	struct http_pool pool;
	unsigned got = 99;
	int64_t start = hk_now_exact_ns();
	http_pool_init(&pool, 1, HK_SEC);
	int fd = reach(a, &pool, &got);
	int64_t ms = (hk_now_exact_ns() - start) / HK_MS;
	if (fd >= 0)
		CHECK_INT(hk_close(fd), 0);
	CHECK_INT(fd < 0 ? fd : 0, want);
	CHECK_INT(got, which);
	CHECK(ms >= least_ms && ms <= most_ms);
	if (ms < least_ms || ms > most_ms)
		printf("# ... it took %lld ms\n", (long long)ms);
	http_pool_done(&pool);
}

static struct dns_answer addresses(const char *one, const char *two, const char *three)
{
	struct dns_answer a = { 0 };
	add_address(&a, one, PORT);
	if (two)
		add_address(&a, two, PORT);
	if (three)
		add_address(&a, three, PORT);
	return a;
}

static int races(void *arg) SUSPENDS
{
	struct silent dark = { 0 };
	struct far_side far = { 0 };
	struct hk_group g;
	struct dns_answer a;
	(void)arg;
	silent_open(&dark, "10.0.0.1", PORT);
	far.listener = hk_listen("10.0.0.2", PORT, 100);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, far_run, &far), 0);
	a = addresses("10.0.0.2", NULL, NULL);
	check_race(&a, 0, 0, 0, 100);
	a = addresses("10.0.0.2", "10.0.0.1", NULL); /* the first answers: nobody else is asked */
	check_race(&a, 0, 0, 0, 100);
	a = addresses("10.0.0.1", "10.0.0.2", NULL); /* silence: a quarter of a second */
	check_race(&a, 0, 1, 250, 350);
	a = addresses("10.0.0.9", "10.0.0.2", NULL); /* refused: at once */
	check_race(&a, 0, 1, 0, 100);
	a = addresses("10.0.0.1", "10.0.0.9", "10.0.0.2"); /* silence, then refused */
	check_race(&a, 0, 2, 250, 400);
	a = addresses("10.0.0.8", "10.0.0.9", NULL); /* nobody there */
	check_race(&a, -ECONNREFUSED, 1, 0, 100);
	CHECK_INT(hk_sleep(HK_SEC), 0);
	CHECK_INT(far.accepted, 5);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_close(far.listener), 0);
	silent_close(&dark);
	return 0;
}

TEST(the_first_to_answer_wins)
{
	in_sim_with(__func__, races, NULL,
		    &(struct hk_sim_options){ .seeds = 100,
					      .check_twice = true,
					      .net = { .latency_ns = 10 * HK_MS } });
}

/* Several connect at nearly the same time: one socket comes out, and the far side sees the others end. */
static int close_races(void *arg) SUSPENDS
{
	struct far_side far = { 0 };
	struct hk_group g;
	(void)arg;
	far.listener = hk_listen("0.0.0.0", PORT, 100);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, far_run, &far), 0);
	for (int i = 0; i < 10; i++) {
		struct dns_answer a = addresses("10.0.0.1", "10.0.0.2", "10.0.0.3");
		struct http_pool pool;
		unsigned which;
		http_pool_init(&pool, 1, HK_SEC);
		int fd = reach(&a, &pool, &which);
		CHECK(fd >= 0 && which < 3);
		CHECK_INT(hk_close(fd), 0);
		http_pool_done(&pool);
	}
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_close(far.listener), 0);
	return 0;
}

TEST(who_comes_second_is_closed)
{
	in_sim_with(__func__, close_races, NULL,
		    &(struct hk_sim_options){
			    .seeds = 100,
			    .net = { .latency_ns = 120 * HK_MS, .jitter_ns = 100 * HK_MS } });
}

static int out_of_time(void *arg) SUSPENDS
{
	struct silent one = { 0 }, two = { 0 };
	struct hk_scope clock;
	struct dns_answer a = addresses("10.0.0.1", "10.0.0.2", NULL);
	(void)arg;
	silent_open(&one, "10.0.0.1", PORT);
	silent_open(&two, "10.0.0.2", PORT);
	for (int64_t ms = 0; ms <= 3000; ms += 100) {
		hk_scope_open(&clock, ms * HK_MS);
		check_race(&a, -ECANCELED, ms > 250, ms, ms + 1);
		CHECK_INT(hk_scope_close(&clock, -ECANCELED), -ETIMEDOUT);
	}
	silent_close(&one);
	silent_close(&two);
	return 0;
}

TEST(a_deadline_ends_all_attempts)
{
	in_sim(__func__, out_of_time, NULL, 20);
}

/* ---- through the client, over the kernel's sockets -------------------------------------------------------- */

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

static const char *two_addresses(void *arg, const char *host, struct dns_answer *ret)
{
	(void)arg, (void)host;
	*ret = (struct dns_answer){ 0 };
	add_address(ret, "127.0.0.7", 0); /* nobody listens there */
	add_address(ret, "127.0.0.1", 0);
	return NULL;
}

static int by_client(void *arg) SUSPENDS
{
	struct scripted server = { .answers = &(struct answer){ OK2, .then = CLOSE },
				   .answer_count = 1 };
	struct http_client *c = NULL;
	struct err err = { 0 };
	struct hk_group g;
	char url[64];
	(void)arg;
	CHECK_INT(http_client_new(NULL, &c, &err), 0);
	dns_free(c->dns);
	c->dns = dns_new_asking(two_addresses, NULL);
	CHECK(scripted_open(&server) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &server), 0);
	snprintf(url, sizeof(url), "http://both.example:%u/", server.port);
	for (int i = 0; i < 3; i++) {
		AUTO(http_response_done) struct http_response res = { 0 };
		struct http_request q = { .method = S("GET"), .url = slice_str(url) };
		CHECK_INT(http_exchange(c, &q, &res, &err), 0);
		CHECK_INT(res.status, 200);
	}
	CHECK_INT(server.connections, 3);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&server);
	{
		AUTO(http_response_done) struct http_response res = { 0 };
		struct http_request q = { .method = S("GET"), .url = slice_str(url) };
		CHECK_INT(http_exchange(c, &q, &res, &err), -1);
		CHECK_STR(fault_name(err.fault), "refused");
		CHECK(strstr(err.text, "(127.0.0.1)") != NULL); /* the last that was tried */
	}
	http_client_free(c);
	return 0;
}

TEST(the_client_tries_the_next_address)
{
	CHECK_INT(hk_run(by_client, NULL, NULL), 0);
}

static const struct test tests[] = {
	T(families_take_turns),          T(what_was_reached_comes_first),
	T(the_first_to_answer_wins),     T(who_comes_second_is_closed),
	T(a_deadline_ends_all_attempts), T(the_client_tries_the_next_address),
};

int main(void)
{
	alarm(120);
	return RUN_TESTS(tests);
}
