/* http_conn.c - tests of src/io/http/http_conn.c, and http_pool.c: getting a connection, or being told why not */
#include "check.h"
#include "io/dns.h"
#include "io/http/http_client_.h"
#include "io/url.h"
#include "rt/in_loop.h"
#include "scripted.h"
#include <arpa/inet.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static int get(struct http_client *c, const char *url, const struct http_clocks *clocks,
	       struct err *err) SUSPENDS
{
	AUTO(http_response_done) struct http_response res = { 0 };
	struct http_request q = { .method = S("GET"), .url = slice_str(url) };
	if (clocks)
		q.clocks = *clocks;
	int r = http_exchange(c, &q, &res, err);
	return r < 0 ? r : res.status;
}

static struct http_client *client_new(const struct http_client_options *o)
{
	struct http_client *c = NULL;
	struct err err = { 0 };
	CHECK_INT(http_client_new(o, &c, &err), 0);
	return c;
}

/* ---- failures to connect ---------------------------------------------------------------------- */

static void check_failure(struct http_client *c, const char *url, const struct http_clocks *clocks,
			  enum fault fault, enum err_clock clock, const char *says) SUSPENDS
{
	struct err err = { 0 };
	CHECK_INT(get(c, url, clocks, &err), -1);
	CHECK_STR(fault_name(err.fault), fault_name(fault));
	CHECK_STR(err_clock_name(err.clock), err_clock_name(clock));
	CHECK(!err.sent);
	CHECK(strstr(err.text, says) != NULL);
	if (!strstr(err.text, says))
		printf("# ... it says: %s\n", err.text);
}

static int refused(void *arg) SUSPENDS
{
	char url[64];
	(void)arg;
	struct http_client *c = client_new(NULL);
	int fd = hk_listen("127.0.0.1", 0, 1); /* a port that is surely free again */
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", hk_socket_port(fd));
	CHECK_INT(hk_close(fd), 0);
	check_failure(c, url, NULL, FAULT_REFUSED, CLOCK_NONE, "connection refused");
	check_failure(c, "http://no-such-host.invalid/", NULL, FAULT_DNS, CLOCK_NONE,
		      "host 'no-such-host.invalid'");
	check_failure(c, "not a url", NULL, FAULT_BAD_VALUE, CLOCK_NONE, "a blank in the URL");
	http_client_free(c);
	return 0;
}

TEST(refused_and_unknown)
{
	CHECK_INT(hk_run(refused, NULL, NULL), 0);
}

/* A listener whose queue is full lets further SYNs unanswered. */
static int fill_backlog(int fds[8], uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fds[0], (struct sockaddr *)&a, n) < 0 || listen(fds[0], 0) < 0 ||
	    getsockname(fds[0], (struct sockaddr *)&a, &n) < 0)
		return -1;
	*port = ntohs(a.sin_port);
	for (int i = 1; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fds[i], (struct sockaddr *)&a, n) < 0 && errno != EINPROGRESS)
			return -1;
	}
	return 0;
}

static int connect_clock(void *arg) SUSPENDS
{
	int fds[8];
	uint16_t port = 0;
	char url[64];
	(void)arg;
	struct http_client *c = client_new(NULL);
	CHECK_INT(fill_backlog(fds, &port), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	struct http_clocks clocks = { .connect_ns = 5 * HK_SEC };
	int64_t start = hk_now_ns();
	check_failure(c, url, &clocks, FAULT_CONNECT_TIMEOUT, CLOCK_CONNECT, "does not answer");
	CHECK_INT((hk_now_ns() - start) / HK_SEC, 5);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	http_client_free(c);
	return 0;
}

TEST(nobody_accepts)
{
	CHECK_INT(hk_run(connect_clock, NULL, &(struct hk_run_options){ .virtual_clock = true }),
		  0);
}

struct fixture {
	struct scripted server;
	struct hk_group g;
	char url[64];
};

static void fixture_open(struct fixture *f, const struct answer *answers, size_t n)
{
	f->server = (struct scripted){ .answers = answers, .answer_count = n };
	CHECK(scripted_open(&f->server) >= 0);
	hk_group_open(&f->g, NULL);
	CHECK_INT(hk_spawn(&f->g, scripted_run, &f->server), 0);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/", f->server.port);
}

static void fixture_close(struct fixture *f) SUSPENDS
{
	hk_group_cancel(&f->g);
	CHECK_INT(hk_group_close(&f->g, 0), 0);
	scripted_close(&f->server);
}

/* Over loopback, and then over slow nets in many orders. */
static void run_in_all_worlds(const char *test, hk_fn *fn)
{
	struct hk_sim_options o = {
		.seeds = 50,
		.net = { .latency_ns = HK_MS, .jitter_ns = 2 * HK_MS, .short_reads = true }
	};

	CHECK_INT(hk_run(fn, NULL, &(struct hk_run_options){ .virtual_clock = true }), 0);
	in_sim_with(test, fn, NULL, &o);
}

/* ---- cancellation leaves nothing behind ------------------------------------------------------------- */

static int cancelled_before(void *arg) SUSPENDS
{
	struct scripted server = { .answers = &(struct answer){ OK2 }, .answer_count = 1 };
	struct http_client_stats stats;
	struct hk_scope scope;
	struct hk_group g;
	struct err err = { 0 };
	char url[64];
	(void)arg;
	struct http_client *c = client_new(NULL);
	CHECK(scripted_open(&server) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &server), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
	for (int warm = 0; warm < 2; warm++) {
		hk_scope_open(&scope, HK_FOREVER);
		hk_scope_cancel(&scope);
		CHECK_INT(get(c, url, NULL, &err), -1);
		CHECK_INT(hk_scope_close(&scope, 0), 0);
		CHECK_STR(fault_name(err.fault), "cancelled");
		CHECK(!err.sent); /* not a byte left us */
		CHECK_INT(get(c, url, NULL, &err), 200);
	}
	http_client_stats_get(c, &stats);
	CHECK_INT(stats.active, 0);
	CHECK_INT(server.requests, 2);
	http_client_free(c);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&server);
	return 0;
}

TEST(cancelled_before_it_began)
{
	run_in_all_worlds(__func__, cancelled_before);
}

static int cancelled_between(void *arg) SUSPENDS
{
	static const struct answer answers[] = { { OK2 },
						 { "HTTP/1.1 200 OK\r\nContent-Le", .then = HANG },
						 { OK2 } };
	struct fixture f;
	struct http_client_stats s;
	struct hk_scope scope;
	struct err err = { 0 };
	(void)arg;
	fixture_open(&f, answers, 3);
	struct http_client *c = client_new(NULL);
	CHECK_INT(get(c, f.url, NULL, &err), 200);
	hk_scope_open(&scope, HK_SEC);
	CHECK_INT(get(c, f.url, &(struct http_clocks){ 0, 0, 5 * HK_SEC, 5 * HK_SEC }, &err), -1);
	CHECK_INT(hk_scope_close(&scope, -ECANCELED), -ETIMEDOUT);
	CHECK_STR(fault_name(err.fault), "cancelled");
	CHECK(err.sent); /* nobody knows what the far side made of it */
	http_client_stats_get(c, &s);
	CHECK_INT(s.idle, 0); /* and the connection is gone */
	CHECK_INT(s.active, 0);
	CHECK_INT(get(c, f.url, NULL, &err), 200);
	CHECK(err.fault == FAULT_NONE && !err.sent);
	CHECK_INT(f.server.connections, 2);
	http_client_free(c);
	fixture_close(&f);
	return 0;
}

TEST(cancelled_in_the_middle)
{
	run_in_all_worlds(__func__, cancelled_between);
}

/* ---- the pool ------------------------------------------------------------------------------------------ */

struct getting {
	struct http_client *client;
	const char *url;
	int status;
};

static int get_one(void *arg) SUSPENDS
{
	struct getting *one = arg;
	struct err err = { 0 };
	one->status = get(one->client, one->url, NULL, &err);
	return 0;
}

static void get_many(struct http_client *c, const char *url, size_t n) SUSPENDS
{
	struct getting many[64];
	ASSERT(n <= ARRAY_SIZE(many));
	for (size_t i = 0; i < n; i++)
		many[i] = (struct getting){ c, url, 0 };
	CHECK_INT(hk_gather(get_one, many, n, sizeof(many[0]), NULL), 0);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(many[i].status, 200);
}

static int pool_limits(void *arg) SUSPENDS
{
	struct fixture f;
	struct http_client_stats s;
	(void)arg;
	fixture_open(&f, &(struct answer){ OK2 }, 1);
	struct http_client *c = client_new(
		&(struct http_client_options){ .idle_per_origin = 8, .idle_ns = 10 * HK_SEC });
	get_many(c, f.url, 32);
	http_client_stats_get(c, &s);
	CHECK_INT(s.connections, 32);
	CHECK_INT(s.idle, 8);
	/* Two are used again and again; the others grow old and are closed on the way. */
	for (int i = 0; i < 5; i++) {
		CHECK_INT(hk_sleep(3 * HK_SEC), 0);
		get_many(c, f.url, 2);
	}
	http_client_stats_get(c, &s);
	CHECK_INT(s.idle, 2);
	CHECK_INT(s.connections, 32);
	/* Quiet for longer than idle_ns: a fresh one is opened, the old ones are gone. */
	CHECK_INT(hk_sleep(11 * HK_SEC), 0);
	get_many(c, f.url, 1);
	http_client_stats_get(c, &s);
	CHECK_INT(s.connections, 33);
	CHECK_INT(s.idle, 1);
	http_client_free(c);
	fixture_close(&f);
	return 0;
}

TEST(idle_connections_are_limited_and_grow_old)
{
	run_in_all_worlds(__func__, pool_limits);
}

static int closed_while_idle(void *arg) SUSPENDS
{
	static const struct answer answers[] = { { OK2, .then = CLOSE } };
	struct fixture f;
	struct http_client_stats s;
	(void)arg;
	fixture_open(&f, answers, 1);
	struct http_client *c = client_new(NULL);
	for (int i = 0; i < 3; i++) {
		get_many(c, f.url, 1);
		CHECK_INT(hk_sleep(HK_SEC), 0); /* virtual: the far side's close arrives */
	}
	http_client_stats_get(c, &s);
	CHECK_INT(s.connections, 3);
	CHECK_INT(s.reused, 0);
	CHECK_INT(s.resent, 0); /* it was noticed before anything was sent */
	CHECK_INT(f.server.requests, 3);
	http_client_free(c);
	fixture_close(&f);
	return 0;
}

TEST(a_connection_closed_while_idle_is_not_used)
{
	run_in_all_worlds(__func__, closed_while_idle);
}

/* ---- descriptors run out --------------------------------------------------------------------------------- */

enum { ORIGINS = 12 };

/* In a process of its own, so that its ends of the connections count against its own limit. */
static int far_side(void *arg) SUSPENDS
{
	int out = *(int *)arg;
	struct scripted servers[ORIGINS];
	struct hk_group g;
	hk_group_open(&g, NULL);
	for (int i = 0; i < ORIGINS; i++) {
		servers[i] =
			(struct scripted){ .answers = &(struct answer){ OK2 }, .answer_count = 1 };
		if (scripted_open(&servers[i]) < 0 || hk_spawn(&g, scripted_run, &servers[i]) < 0 ||
		    write(out, &servers[i].port, sizeof(servers[i].port)) < 0)
			return 1;
	}
	return hk_group_close(&g, 0);
}

static pid_t fork_far_side(uint16_t ports[ORIGINS])
{
	int ends[2];
	CHECK_INT(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(60);
		_exit(hk_run(far_side, &ends[1], NULL) != 0);
	}
	close(ends[1]);
	for (int i = 0; i < ORIGINS; i++)
		CHECK_INT(read(ends[0], &ports[i], sizeof(ports[i])), sizeof(ports[i]));
	close(ends[0]);
	return pid;
}

static int few_descriptors(void *arg) SUSPENDS
{
	const uint16_t *ports = arg;
	struct http_client_stats s;
	struct rlimit was, tight;
	struct http_client *c = client_new(NULL);
	int probe = dup(0);
	close(probe);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &was), 0);
	tight = was;
	tight.rlim_cur = (rlim_t)probe + 3;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &tight), 0);
	for (int i = 0; i < ORIGINS; i++) {
		struct err err = { 0 };
		char url[64];
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ports[i]);
		CHECK_INT(get(c, url, NULL, &err), 200);
	}
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &was), 0);
	http_client_stats_get(c, &s);
	CHECK_INT(s.connections, ORIGINS);
	CHECK_INT(s.idle, 3);
	http_client_free(c);
	return 0;
}

TEST(idle_connections_give_way_when_descriptors_run_out)
{
	uint16_t ports[ORIGINS];
	pid_t far = fork_far_side(ports);
	CHECK_INT(hk_run(few_descriptors, ports, NULL), 0);
	CHECK_INT(kill(far, SIGKILL), 0);
	CHECK_INT(waitpid(far, NULL, 0), far);
}

/* ---- a name server that hangs --------------------------------------------------------------------------------- */

static const char *hang(void *arg, const char *host, struct dns_answer *ret)
{
	(void)host, (void)ret;
	while (sem_wait(arg) < 0)
		continue;
	return "it woke up";
}

static int dns_clock(void *arg) SUSPENDS
{
	struct http_clocks clocks = { .connect_ns = 20 * HK_MS };
	struct http_client *c = client_new(NULL);
	dns_free(c->dns);
	c->dns = dns_new_asking(hang, arg);
	check_failure(c, "http://slow.example/", &clocks, FAULT_TIMEOUT, CLOCK_DNS,
		      "host 'slow.example': no answer from the name server in time");
	http_client_free(c); /* and the call goes on: it still hangs */
	CHECK_INT(sem_post(arg), 0);
	return 0;
}

TEST(a_name_server_that_hangs_does_not_hold_the_task)
{
	sem_t wake;
	CHECK_INT(sem_init(&wake, 0, 0), 0);
	CHECK_INT(hk_run(dns_clock, &wake, NULL), 0);
}

static const struct test tests[] = {
	T(refused_and_unknown),
	T(nobody_accepts),
	T(cancelled_before_it_began),
	T(cancelled_in_the_middle),
	T(idle_connections_are_limited_and_grow_old),
	T(a_connection_closed_while_idle_is_not_used),
	T(idle_connections_give_way_when_descriptors_run_out),
	T(a_name_server_that_hangs_does_not_hold_the_task),
};

int main(void)
{
	alarm(120);
	return RUN_TESTS(tests);
}
