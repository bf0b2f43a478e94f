/* sim_net.c - the simulated network: delays, loss, resets, partitions, windows
 *
 * What sockets do when nothing disturbs them is in socket.c and fd.c, beside the kernel's. */
#include "in_loop.h"
#include "rt/loop.h"
#include "rt/sim.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

static int connect_to(const char *address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	CHECK_INT(inet_pton(AF_INET, address, &at.sin_addr), 1);
	return hk_connect((const struct sockaddr *)&at, sizeof(at));
}

struct side {
	int listener, fd;
};

static int accept_one(void *arg)
{
	struct side *s = arg;

	s->fd = hk_accept(s->listener);
	return s->fd < 0 ? s->fd : 0;
}

/* [0] connected to "10.0.0.1", port 80, [1] accepted there. */
static void stream(int fd[2])
{
	struct side s = { .listener = hk_listen("10.0.0.1", 80, 0) };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, accept_one, &s), 0);
	fd[0] = connect_to("10.0.0.1", 80);
	CHECK_INT(hk_group_close(&g, 0), 0);
	fd[1] = s.fd;
	CHECK(fd[0] >= 0 && fd[1] >= 0);
	CHECK_INT(hk_close(s.listener), 0);
}

static void close_both(int fd[2])
{
	CHECK_INT(hk_close(fd[0]), 0);
	CHECK_INT(hk_close(fd[1]), 0);
}

#define TEST_OVER_NET(name, n, ...)                          \
	TEST_IN(name, in_sim_with(#name, name##_main_, NULL, \
				  &(struct hk_sim_options){ .seeds = n, .net = __VA_ARGS__ }))

/* ---- time on the way ------------------------------------------------------------------------- */

TEST_OVER_NET(a_round_trip_takes_two_latencies, 20, { .latency_ns = 30 * HK_MS })
{
	int fd[2];
	char bytes[8];
	int64_t start = hk_now_ns();

	stream(fd);
	CHECK_INT(hk_now_ns() - start, 60 * HK_MS);
	CHECK_INT(hk_write(fd[0], "ping", 4), 4);
	CHECK_INT(hk_read(fd[1], bytes, sizeof(bytes)), 4);
	CHECK_INT(hk_write(fd[1], "pong", 4), 4);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 4);
	CHECK_INT(hk_now_ns() - start, 120 * HK_MS);
	close_both(fd);
}

struct copy {
	int fd;
	size_t n;
	ssize_t result;
};

static char pattern(size_t i)
{
	return (char)(i * 7 + i / 251);
}

static int send_pattern(void *arg)
{
	struct copy *c = arg;
	char *bytes = malloc(c->n);

	for (size_t i = 0; i < c->n; i++)
		bytes[i] = pattern(i);
	c->result = hk_write(c->fd, bytes, c->n);
	free(bytes);
	return 0;
}

/* Sends n bytes from fd[0] to fd[1] and checks each. The time it took. */
static int64_t send_and_check(int fd[2], size_t n)
{
	struct copy c = { .fd = fd[0], .n = n };
	char bytes[3000];
	struct hk_group g;
	int64_t start = hk_now_ns();
	size_t got = 0, wrong = 0;
	ssize_t r = 1;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, send_pattern, &c), 0);
	while (got < n && r > 0) {
		r = hk_read(fd[1], bytes, sizeof(bytes));
		for (ssize_t i = 0; i < r; i++)
			wrong += bytes[i] != pattern(got + (size_t)i);
		got += r > 0 ? (size_t)r : 0;
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(c.result, (ssize_t)n);
	CHECK_INT(got, n);
	CHECK_INT(wrong, 0);
	return hk_now_ns() - start;
}

TEST_OVER_NET(
	a_stream_keeps_its_order, 100,
	{ .latency_ns = HK_MS, .jitter_ns = 50 * HK_MS, .loss_ppm = 20000, .short_reads = true })
{
	int fd[2];

	stream(fd);
	(void)send_and_check(fd, 100000);
	close_both(fd);
}

/* A segment that is lost once comes 200 ms later. */
TEST_OVER_NET(loss_is_delay, 50, { .latency_ns = HK_MS })
{
	struct hk_sim_net lossy = { .latency_ns = HK_MS, .loss_ppm = 300000 };
	int64_t took;
	int fd[2];

	stream(fd);
	CHECK_INT(send_and_check(fd, 1000), HK_MS);
	hk_sim_net_set(&lossy);
	took = send_and_check(fd, 50000); /* 35 segments: all of them at once is one in 3e5 */
	CHECK(took >= 201 * HK_MS && (took - HK_MS) % (200 * HK_MS) == 0);
	hk_sim_net_set(&(struct hk_sim_net){ 0 });
	close_both(fd);
}

TEST_OVER_NET(what_is_lost_too_often_ends_the_stream, 3, { 0 })
{
	int fd[2];
	char byte;

	stream(fd);
	hk_sim_net_set(&(struct hk_sim_net){ .loss_ppm = 1000000 });
	CHECK_INT(hk_write(fd[0], "x", 1), 1);
	CHECK_INT(hk_read(fd[0], &byte, 1), -ETIMEDOUT);
	CHECK_INT(hk_read(fd[1], &byte, 1), -ETIMEDOUT);
	CHECK_INT(connect_to("10.0.0.1", 80), -ETIMEDOUT);
	close_both(fd);
}

TEST_OVER_NET(the_window_is_what_a_sender_may_be_ahead, 10,
	      { .latency_ns = 10 * HK_MS, .window_bytes = 10000 })
{
	int fd[2];
	int64_t took;

	stream(fd);
	/* A window at most each way there and the room's way back: 10 rounds for 100,000 bytes, room in halves. */
	took = send_and_check(fd, 100000);
	CHECK(took >= 100 * HK_MS && took <= 400 * HK_MS);
	close_both(fd);
}

/* The sender waits for more room than the receiver would tell of by itself. */
static void write_while_the_window_shrinks(int64_t latency_ns)
{
	int fd[2];

	stream(fd);
	(void)send_and_check(fd, 60000);
	hk_sim_net_set(&(struct hk_sim_net){ .latency_ns = latency_ns, .window_bytes = 1000 });
	(void)send_and_check(fd, 10000);
	hk_sim_net_set(&(struct hk_sim_net){ .latency_ns = latency_ns, .window_bytes = 1 });
	(void)send_and_check(fd, 50);
	close_both(fd);
}

TEST_OVER_NET(a_window_may_shrink, 20, { .latency_ns = HK_MS })
{
	write_while_the_window_shrinks(HK_MS);
}

TEST_OVER_NET(a_window_may_shrink_without_delay, 20, { 0 })
{
	write_while_the_window_shrinks(0);
}

static int write_4000(void *fd)
{
	static const char bytes[4000];
	ssize_t r = hk_write(*(int *)fd, bytes, sizeof(bytes));

	return r < 0 ? (int)r : 0;
}

/* What was full is no longer: nobody reads enough of it to tell the sender so. */
TEST_OVER_NET(a_window_may_grow_while_a_sender_waits, 20, { .window_bytes = 1000 })
{
	char bytes[4000];
	size_t got = 0;
	struct hk_group g;
	ssize_t r = 1;
	int fd[2];

	stream(fd);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, write_4000, &fd[0]), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	hk_sim_net_set(&(struct hk_sim_net){ 0 });
	while (r > 0 && got < sizeof(bytes)) {
		r = hk_read(fd[1], bytes, sizeof(bytes) - got);
		got += r > 0 ? (size_t)r : 0;
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(got, sizeof(bytes));
	close_both(fd);
}

/* ---- ends on the way ----------------------------------------------------------------------------- */

TEST_OVER_NET(a_reset_of_the_net_reaches_both, 20, { .latency_ns = HK_MS })
{
	int fd[2];
	char bytes[8];

	stream(fd);
	CHECK_INT(hk_write(fd[0], "kept", 4), 4);
	CHECK_INT(hk_sleep(2 * HK_MS), 0);
	hk_sim_net_set(&(struct hk_sim_net){ .latency_ns = HK_MS, .reset_ppm = 1000000 });
	CHECK_INT(hk_write(fd[0], "lost", 4), 4);
	CHECK_INT(hk_sleep(2 * HK_MS), 0);
	CHECK_INT(hk_read(fd[1], bytes, sizeof(bytes)), 4);
	CHECK_INT(hk_read(fd[1], bytes, sizeof(bytes)), -ECONNRESET);
	CHECK_INT(hk_write(fd[0], "x", 1), -ECONNRESET);
	CHECK_INT(hk_write(fd[0], "x", 1), -EPIPE);
	close_both(fd);
}

TEST_OVER_NET(a_reset_from_the_test_hits_its_port_only, 20, { .latency_ns = HK_MS })
{
	int fd[2], pair[2];
	char byte;

	stream(fd);
	CHECK_INT(hk_pair(pair), 0);
	hk_sim_reset(81);
	CHECK_INT(hk_write(fd[0], "x", 1), 1);
	CHECK_INT(hk_read(fd[1], &byte, 1), 1);
	hk_sim_reset(80);
	CHECK_INT(hk_read(fd[0], &byte, 1), -ECONNRESET);
	CHECK_INT(hk_read(fd[1], &byte, 1), -ECONNRESET);
	CHECK_INT(hk_write(pair[0], "x", 1), 1);
	CHECK_INT(hk_read(pair[1], &byte, 1), 1);
	close_both(pair);
	close_both(fd);
}

TEST_OVER_NET(connects_are_refused_as_told, 10, { .latency_ns = HK_MS, .refuse_ppm = 1000000 })
{
	int listener = hk_listen("0.0.0.0", 80, 0);
	int64_t start = hk_now_ns();

	CHECK_INT(connect_to("10.1.2.3", 80), -ECONNREFUSED);
	CHECK(hk_now_ns() - start <= 2 * HK_MS);
	hk_sim_net_set(&(struct hk_sim_net){ .latency_ns = HK_MS });
	CHECK_INT(connect_to("10.1.2.3", 81), -ECONNREFUSED);
	CHECK_INT(hk_close(listener), 0);
	CHECK_INT(connect_to("10.1.2.3", 80), -ECONNREFUSED);
}

TEST_OVER_NET(addresses_are_hosts, 1, { 0 })
{
	int a = hk_listen("10.0.0.1", 80, 0), b = hk_listen("10.0.0.2", 80, 0), c, d;

	CHECK(a >= 0 && b >= 0);
	CHECK_INT(hk_socket_port(a), 80);
	CHECK_INT(hk_listen("10.0.0.2", 80, 0), -EADDRINUSE);
	CHECK_INT(connect_to("10.0.0.3", 80), -ECONNREFUSED);
	c = connect_to("10.0.0.2", 80);
	d = hk_accept(b);
	CHECK(c >= 0 && d >= 0);
	CHECK_INT(hk_socket_port(d), 80);
	CHECK(hk_socket_port(c) >= 32768);
	CHECK_INT(hk_close(a), 0);
	CHECK_INT(hk_close(b), 0);
	CHECK_INT(hk_close(c), 0);
	CHECK_INT(hk_close(d), 0);
}

/* Who goes past fd.h learns of it at once, and not by bytes that go nowhere. */
TEST_OVER_NET(a_simulated_socket_is_none_of_the_kernels, 1, { 0 })
{
	int fd[2];
	char byte = 0;

	stream(fd);
	CHECK(write(fd[0], &byte, 1) < 0 && errno == EBADF);
	CHECK(read(fd[1], &byte, 1) < 0 && errno == EBADF);
	CHECK(send(fd[0], &byte, 1, 0) < 0);
	close_both(fd);
}

/* A full backlog does not answer; the connect tries again after 1, 2, 4 seconds, and by then there is room. */
TEST_OVER_NET(a_connect_comes_through_when_the_backlog_has_room, 10, { .latency_ns = HK_MS })
{
	struct side s = { .listener = hk_listen("10.0.0.1", 80, 1) };
	int first[2], fd;
	struct hk_group g;
	int64_t start;

	first[0] = connect_to("10.0.0.1", 80);
	first[1] = connect_to("10.0.0.1", 80);
	hk_group_open(&g, NULL);
	start = hk_now_ns();
	CHECK_INT(hk_spawn(&g, accept_one, &s), 0);
	fd = connect_to("10.0.0.1", 80); /* accept_one may be earlier */
	CHECK(fd >= 0);
	CHECK(hk_now_ns() - start < 1100 * HK_MS);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(hk_close(s.listener), 0);
	CHECK_INT(hk_close(s.fd), 0);
	CHECK_INT(hk_close(fd), 0);
	close_both(first);
}

/* ---- partitions ------------------------------------------------------------------------------------ */

TEST_OVER_NET(nothing_passes_a_partition_until_it_heals, 20, { .latency_ns = HK_MS })
{
	int fd[2];
	char bytes[8];
	struct hk_scope s;
	int64_t start;

	stream(fd);
	hk_sim_part(80);
	CHECK_INT(hk_write(fd[0], "late", 4), 4);
	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, (int)hk_read(fd[1], bytes, 8)), -ETIMEDOUT);
	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, connect_to("10.0.0.1", 80)), -ETIMEDOUT);
	start = hk_now_ns();
	hk_sim_heal(80);
	CHECK_INT(hk_read(fd[1], bytes, sizeof(bytes)), 4);
	CHECK_INT(hk_now_ns() - start, HK_MS);
	close_both(fd);
}

TEST_OVER_NET(an_end_behind_a_partition_is_not_known, 20, { .latency_ns = HK_MS })
{
	int fd[2];
	char byte;
	struct hk_scope s;

	stream(fd);
	hk_sim_part(80);
	CHECK_INT(hk_close(fd[1]), 0);
	hk_scope_open(&s, 3600 * HK_SEC);
	CHECK_INT(hk_scope_close(&s, (int)hk_read(fd[0], &byte, 1)), -ETIMEDOUT);
	CHECK(hk_socket_idle(fd[0]));
	hk_sim_heal(80);
	CHECK_INT(hk_read(fd[0], &byte, 1), 0);
	CHECK_INT(hk_close(fd[0]), 0);
}

/* ---- everything at once --------------------------------------------------------------------------- */

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[256];
	ssize_t n;

	while ((n = hk_read(fd, bytes, sizeof(bytes))) > 0)
		n = hk_write(fd, bytes, (size_t)n);
	return hk_close(fd);
}

struct town {
	struct hk_group g;
	int listener, whole, broken;
};

static int accept_all(void *arg)
{
	struct town *t = arg;
	int fd;

	while ((fd = hk_accept(t->listener)) >= 0)
		CHECK_INT(hk_spawn(&t->g, echo, (void *)(intptr_t)fd), 0);
	return 0;
}

static struct town town;

/* What comes back is what was sent, or the stream breaks. */
static int visit(void *arg)
{
	int number = *(int *)arg, fd = connect_to("10.0.0.1", 80);
	char out[300], in[300];
	size_t got = 0;
	ssize_t r = 1;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i + (size_t)number);
	if (fd >= 0 && hk_write(fd, out, sizeof(out)) < 0)
		r = 0;
	while (fd >= 0 && r > 0 && got < sizeof(out)) {
		r = hk_read(fd, in + got, sizeof(in) - got);
		got += r > 0 ? (size_t)r : 0;
	}
	CHECK_INT(memcmp(in, out, got), 0);
	town.whole += got == sizeof(out);
	town.broken += got != sizeof(out);
	return fd >= 0 ? hk_close(fd) : 0;
}

static int town_main(void *arg)
{
	static int number[40];

	(void)arg;
	town = (struct town){ .listener = hk_listen("10.0.0.1", 80, 10) };
	hk_group_open(&town.g, NULL);
	CHECK_INT(hk_spawn(&town.g, accept_all, &town), 0);
	for (int i = 0; i < 40; i++)
		number[i] = i;
	CHECK_INT(hk_gather(visit, number, 40, sizeof(int), NULL), 0);
	CHECK_INT(hk_close(town.listener), 0);
	CHECK_INT(hk_group_close(&town.g, 0), 0);
	CHECK_INT(town.whole + town.broken, 40);
	CHECK(town.whole > 0);
	return 0;
}

TEST(two_runs_over_a_bad_net_are_the_same)
{
	struct hk_sim_options o = { .seeds = 50,
				    .check_twice = true,
				    .net = { .latency_ns = 5 * HK_MS,
					     .jitter_ns = 20 * HK_MS,
					     .loss_ppm = 50000,
					     .reset_ppm = 20000,
					     .refuse_ppm = 50000,
					     .short_reads = true } };
	in_sim_with("two_runs_over_a_bad_net_are_the_same", town_main, NULL, &o);
}

static int forget_to_close(void *arg)
{
	int fd[2];

	(void)arg;
	return hk_pair(fd) < 0 ? -1 : hk_close(fd[0]);
}

TEST(a_socket_left_open_is_a_failure)
{
	struct hk_sim_options o = { .replay = "again" };
	CHECK_INT(hk_sim(forget_to_close, NULL, &o), -EUCLEAN);
}

static const struct test tests[] = {
	T(a_round_trip_takes_two_latencies),
	T(a_stream_keeps_its_order),
	T(loss_is_delay),
	T(what_is_lost_too_often_ends_the_stream),
	T(the_window_is_what_a_sender_may_be_ahead),
	T(a_window_may_shrink),
	T(a_window_may_shrink_without_delay),
	T(a_window_may_grow_while_a_sender_waits),
	T(a_reset_of_the_net_reaches_both),
	T(a_reset_from_the_test_hits_its_port_only),
	T(connects_are_refused_as_told),
	T(addresses_are_hosts),
	T(a_simulated_socket_is_none_of_the_kernels),
	T(a_connect_comes_through_when_the_backlog_has_room),
	T(nothing_passes_a_partition_until_it_heals),
	T(an_end_behind_a_partition_is_not_known),
	T(two_runs_over_a_bad_net_are_the_same),
	T(a_socket_left_open_is_a_failure),
};

int main(void)
{
	return RUN_TESTS(tests);
}
