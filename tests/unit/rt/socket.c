/* socket.c - TCP over loopback, and the simulation's beside it
 *
 * TEST_IN_SIM runs with sockets of the kernel first: what it expects is what Linux does, and then what sim_net.c must do. */
#include "in_loop.h"
#include "rt/loop.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int connect_to(int port)
{
	struct sockaddr_in at = loopback(port);
	return hk_connect((const struct sockaddr *)&at, sizeof(at));
}

struct server {
	int listener, served, result;
};

/* Answers each line with itself until the client ends; one connection after the other. */
static int serve(void *arg)
{
	struct server *s = arg;
	char bytes[64];
	int fd;

	while ((fd = hk_accept(s->listener)) >= 0) {
		ssize_t n;
		while ((n = hk_read(fd, bytes, sizeof(bytes))) > 0) {
			CHECK_INT(hk_write(fd, bytes, (size_t)n), n);
			s->served++;
		}
		CHECK_INT(hk_close(fd), 0);
	}
	s->result = fd;
	return 0;
}

static int no_delay(int fd)
{
	int on = hk_sim_running();
	socklen_t size = sizeof(on);

	if (on)
		return on; /* there is no option to ask for */
	CHECK_INT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	return on;
}

TEST_IN_SIM(requests_and_answers_on_kept_connections, 20)
{
	struct server s = { .listener = hk_listen("127.0.0.1", 0, 0) };
	int port = hk_socket_port(s.listener);
	struct hk_group g;
	char bytes[64];

	CHECK(s.listener >= 0 && port > 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, serve, &s), 0);
	for (int c = 0; c < 5; c++) {
		int fd = connect_to(port);
		CHECK(fd >= 0);
		CHECK(no_delay(fd));
		for (int i = 0; i < 20; i++) {
			CHECK_INT(hk_write(fd, "hello", 5), 5);
			CHECK_INT(hk_read(fd, bytes, sizeof(bytes)), 5);
			CHECK(hk_socket_idle(fd));
		}
		CHECK_INT(hk_close(fd), 0);
	}
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_close(s.listener), 0); /* wakes the accept */
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(s.result, -EBADF);
	CHECK_INT(s.served, 100);
}

static int accept_one(void *arg)
{
	int *fd = arg;

	fd[1] = hk_accept(fd[0]);
	CHECK(fd[1] >= 0 && no_delay(fd[1]));
	return 0;
}

/* A connected pair over TCP: [0] the client, [1] the server's side. */
static void tcp_pair(int fd[2])
{
	int server[2] = { hk_listen("127.0.0.1", 0, 0), -1 };
	struct hk_group g;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, accept_one, server), 0);
	fd[0] = connect_to(hk_socket_port(server[0]));
	CHECK_INT(hk_group_close(&g, 0), 0);
	fd[1] = server[1];
	CHECK_INT(hk_close(server[0]), 0);
}

TEST_IN_SIM(idle_means_quiet_and_open, 20)
{
	int fd[2];
	char byte;

	tcp_pair(fd);
	CHECK(hk_socket_idle(fd[0]));
	CHECK_INT(hk_write(fd[1], "x", 1), 1);
	CHECK_INT(hk_read(fd[0], &byte, 1), 1); /* not short: more bytes are possible */
	CHECK(hk_socket_idle(fd[0]));
	CHECK_INT(hk_write(fd[1], "unasked", 7), 7);
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK(hk_socket_idle(fd[1]));
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_read(fd[0], &byte, 1), 1);
	CHECK(!hk_socket_idle(fd[0])); /* unread bytes */
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_SIM(a_closed_peer_is_not_idle, 20)
{
	int fd[2];

	tcp_pair(fd);
	CHECK(hk_socket_idle(fd[0]));
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_fd_wait(fd[0], HK_READ), HK_READ);
	CHECK(!hk_socket_idle(fd[0]));
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_SIM(a_refused_connect_says_so, 5)
{
	int listener = hk_listen("127.0.0.1", 0, 0), port = hk_socket_port(listener), again;

	CHECK_INT(hk_close(listener), 0);
	CHECK_INT(connect_to(port), -ECONNREFUSED);
	again = dup(0);
	CHECK_INT(again, listener); /* no descriptor was left behind */
	CHECK_INT(close(again), 0);
}

/* A listener whose backlog is full does not answer: the connect hangs until its deadline. */
TEST_IN_SIM(a_cancelled_connect_leaves_nothing, 5)
{
	int listener = hk_listen("127.0.0.1", 0, 1), port = hk_socket_port(listener);
	int fds[16], n = 0, r = 0, next, after;

	while (r >= 0 && n < 16) {
		struct hk_scope s;
		next = dup(0);
		CHECK_INT(close(next), 0);
		hk_scope_open(&s, HK_SEC);
		r = hk_scope_close(&s, connect_to(port));
		if (r >= 0)
			fds[n++] = r;
	}
	CHECK_INT(r, -ETIMEDOUT);
	after = dup(0);
	CHECK_INT(after, next);
	CHECK_INT(close(after), 0);
	while (n > 0)
		CHECK_INT(hk_close(fds[--n]), 0);
	CHECK_INT(hk_close(listener), 0);
}

TEST_IN_SIM(listen_refuses_what_it_cannot_bind, 3)
{
	int fd = hk_listen("127.0.0.1", 0, 5);

	CHECK_INT(hk_listen("example.org", 0, 5), -EINVAL); /* names are resolved elsewhere */
	CHECK_INT(hk_listen("127.0.0.1", (uint16_t)hk_socket_port(fd), 5), -EADDRINUSE);
	CHECK_INT(hk_close(fd), 0);
	fd = hk_listen("localhost", 0, 5); /* but for this one */
	CHECK(fd >= 0);
	CHECK_INT(hk_close(connect_to(hk_socket_port(fd))), 0);
	CHECK_INT(hk_close(fd), 0);
	fd = hk_listen("::1", 0, 5);
	CHECK(fd >= 0 || fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT);
	if (fd >= 0)
		CHECK_INT(hk_close(fd), 0);
}

static int one_client(void *arg)
{
	int fd = connect_to(*(int *)arg);
	char bytes[8];

	CHECK(fd >= 0);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(hk_write(fd, "ping", 4), 4);
		CHECK_INT(hk_read(fd, bytes, sizeof(bytes)), 4);
	}
	return hk_close(fd);
}

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[64];
	ssize_t n;

	while ((n = hk_read(fd, bytes, sizeof(bytes))) > 0)
		CHECK_INT(hk_write(fd, bytes, (size_t)n), n);
	return hk_close(fd);
}

struct crowd {
	struct hk_group g;
	int listener, accepted;
};

static int accept_all(void *arg)
{
	struct crowd *c = arg;
	int fd;

	while ((fd = hk_accept(c->listener)) >= 0) {
		c->accepted++;
		CHECK_INT(hk_spawn(&c->g, echo, (void *)(intptr_t)fd), 0);
	}
	return 0;
}

TEST_IN_SIM(three_hundred_connections_at_once, 5)
{
	static int ports[300];
	struct crowd c = { .listener = hk_listen("127.0.0.1", 0, 512) };

	for (size_t i = 0; i < 300; i++)
		ports[i] = hk_socket_port(c.listener);
	hk_group_open(&c.g, NULL);
	CHECK_INT(hk_spawn(&c.g, accept_all, &c), 0);
	CHECK_INT(hk_gather(one_client, ports, 300, sizeof(int), NULL), 0);
	CHECK_INT(hk_close(c.listener), 0);
	CHECK_INT(hk_group_close(&c.g, 0), 0);
	CHECK_INT(c.accepted, 300);
}

/* fd.h (1): after a request on a kept connection the read parks without asking the kernel first. */
TEST_IN_SIM(no_read_is_made_in_vain, 20)
{
	struct server s = { .listener = hk_listen("127.0.0.1", 0, 0) };
	struct hk_group g;
	char bytes[64];
	int fd;

	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, serve, &s), 0);
	fd = connect_to(hk_socket_port(s.listener));
	for (int i = 0; i < 3; i++) {
		const struct poll_fd *p = poll_find(&loop_self()->poll, fd);
		CHECK(p && !(p->ready & HK_READ)); /* fresh, or after a short read: empty */
		CHECK_INT(hk_write(fd, "hello", 5), 5);
		CHECK_INT(hk_read(fd, bytes, sizeof(bytes)), 5);
	}
	CHECK_INT(hk_close(fd), 0);
	CHECK_INT(hk_close(s.listener), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
}

/* ---- ends ---------------------------------------------------------------------------------- */

/* What was sent before is read first; then the end, again and again. A first write meets nobody: the answer is a reset. */
TEST_IN_SIM(after_the_peers_end_one_write_succeeds, 20)
{
	int fd[2];
	char bytes[8];

	tcp_pair(fd);
	CHECK_INT(hk_write(fd[1], "last", 4), 4);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 4);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_write(fd[0], "x", 1), 1);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_write(fd[0], "x", 1), -EPIPE);
	CHECK_INT(hk_write(fd[0], "x", 1), -EPIPE);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_SIM(unread_bytes_turn_a_close_into_a_reset, 20)
{
	int fd[2];
	char bytes[8];

	tcp_pair(fd);
	CHECK_INT(hk_write(fd[0], "unread", 6), 6);
	CHECK_INT(hk_write(fd[1], "last", 4), 4);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 4); /* what came before is not lost */
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), -ECONNRESET);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 0); /* an error is told once */
	CHECK_INT(hk_write(fd[0], "x", 1), -EPIPE);
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_SIM(a_reset_is_told_to_who_writes_as_well, 20)
{
	int fd[2];
	char byte;

	tcp_pair(fd);
	CHECK_INT(hk_close_reset(fd[1]), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK(!hk_socket_idle(fd[0]));
	CHECK_INT(hk_write(fd[0], "x", 1), -ECONNRESET);
	CHECK_INT(hk_write(fd[0], "x", 1), -EPIPE);
	CHECK_INT(hk_read(fd[0], &byte, 1), 0);
	CHECK_INT(hk_close(fd[0]), 0);
}

/* trio: test_highlevel_socket.py, send_eof */
TEST_IN_SIM(after_our_eof_we_read_on, 20)
{
	int fd[2];
	char bytes[8];

	tcp_pair(fd);
	CHECK_INT(hk_write(fd[0], "ask", 3), 3);
	CHECK_INT(hk_send_eof(fd[0]), 0);
	CHECK_INT(hk_read(fd[1], bytes, sizeof(bytes)), 3);
	CHECK_INT(hk_read(fd[1], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_write(fd[1], "answer", 6), 6);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 6);
	CHECK_INT(hk_write(fd[0], "x", 1), -EPIPE);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_SIM(a_connection_is_accepted_after_its_end, 20)
{
	int listener = hk_listen("127.0.0.1", 0, 5), fd = connect_to(hk_socket_port(listener)), its;
	char bytes[8];

	CHECK_INT(hk_write(fd, "bye", 3), 3);
	CHECK_INT(hk_close(fd), 0);
	its = hk_accept(listener);
	CHECK(its >= 0);
	CHECK_INT(hk_read(its, bytes, sizeof(bytes)), 3);
	CHECK_INT(hk_read(its, bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_close(its), 0);
	CHECK_INT(hk_close(listener), 0);
}

TEST_IN_SIM(a_closed_listener_resets_its_backlog, 20)
{
	int listener = hk_listen("127.0.0.1", 0, 5), fd = connect_to(hk_socket_port(listener));
	char byte;

	CHECK(fd >= 0);
	CHECK_INT(hk_close(listener), 0);
	CHECK_INT(hk_read(fd, &byte, 1), -ECONNRESET);
	CHECK_INT(hk_close(fd), 0);
}

struct writing {
	int fd;
	ssize_t result;
};

static int write_much(void *arg)
{
	static char much[8 << 20];
	struct writing *w = arg;

	w->result = hk_write(w->fd, much, sizeof(much));
	return 0;
}

TEST_IN_SIM(a_writer_that_waits_for_room_learns_of_the_end, 5)
{
	struct writing w = { 0 };
	struct hk_group g;
	int fd[2];

	tcp_pair(fd);
	w.fd = fd[0];
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, write_much, &w), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
	CHECK_INT(w.result, 0);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(w.result, -ECONNRESET);
	CHECK_INT(hk_close(fd[0]), 0);
}

/* ---- out of descriptors -------------------------------------------------------------------- */

static char told[1024];
static int tellings;

static void keep_report(enum hk_report kind, const char *text, void *arg)
{
	(void)arg;
	CHECK_INT(kind, HK_REPORT_SHORTAGE);
	tellings++;
	snprintf(told, sizeof(told), "%s", text);
}

static rlim_t limit_descriptors(rlim_t most)
{
	struct rlimit limit, lower;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
	lower = limit;
	lower.rlim_cur = most;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &lower), 0);
	return limit.rlim_cur;
}

static int accept_late(void *arg)
{
	int *fd = arg;
	return *fd = hk_accept(*fd);
}

/* Three times the only free descriptor is taken and given back: that is one shortage. */
static int rush(void *arg)
{
	int listener = hk_listen("127.0.0.1", 0, 0), client[3], got, spare = dup(listener);
	rlim_t former;
	struct hk_group g;

	(void)arg;
	for (int i = 0; i < 3; i++)
		CHECK((client[i] = connect_to(hk_socket_port(listener))) >= 0);
	former = limit_descriptors((rlim_t)client[2] + 1);
	for (int i = 0; i < 3; i++) {
		got = listener;
		hk_group_open(&g, NULL);
		CHECK_INT(hk_spawn(&g, accept_late, &got), 0);
		CHECK_INT(hk_sleep(2 * HK_SEC), 0);
		CHECK_INT(hk_group_running(&g), 1);
		CHECK_INT(close(spare), 0);
		CHECK(hk_group_close(&g, 0) == 0 && got >= 0);
		CHECK_INT(hk_close(got), 0);
		CHECK_INT(dup(listener), spare);
	}
	CHECK_INT(tellings, 1);
	limit_descriptors(former);
	for (int i = 0; i < 3; i++)
		CHECK_INT(hk_close(client[i]), 0);
	CHECK_INT(close(spare), 0);
	return hk_close(listener);
}

static int run_told(hk_fn *fn)
{
	told[0] = 0;
	tellings = 0;
	return hk_run(fn, NULL,
		      &(struct hk_run_options){ .virtual_clock = true, .report = keep_report });
}

TEST(accept_waits_until_there_is_a_descriptor)
{
	CHECK_INT(run_told(rush), 0);
	CHECK(strstr(told, "hk_accept() in task \"accept_late\", spawned at ") != NULL);
	CHECK(strstr(told, "EMFILE") && strstr(told, "ulimit -n"));
}

/* Who waits for a descriptor is cancelled, and learns of a close, as who waits for a connection. */
static int end_both_ways(void *arg)
{
	int listener = hk_listen("127.0.0.1", 0, 0), client, got = listener;
	struct hk_scope scope;
	struct hk_group g;
	rlim_t former;

	(void)arg;
	CHECK((client = connect_to(hk_socket_port(listener))) >= 0);
	former = limit_descriptors((rlim_t)client + 1);
	hk_scope_open(&scope, 5 * HK_SEC);
	CHECK_INT(hk_scope_close(&scope, hk_accept(listener)), -ETIMEDOUT);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, accept_late, &got), 0);
	CHECK_INT(hk_sleep(50 * HK_MS), 0);
	CHECK_INT(hk_accept(listener), -EBUSY);
	CHECK_INT(hk_close(listener), 0);
	CHECK_INT(hk_group_close(&g, 0), -EBADF);
	limit_descriptors(former);
	return hk_close(client);
}

TEST(who_waits_for_a_descriptor_can_be_stopped)
{
	CHECK_INT(run_told(end_both_ways), 0);
	CHECK_INT(tellings, 1);
}

static const struct test tests[] = {
	T(after_the_peers_end_one_write_succeeds),
	T(unread_bytes_turn_a_close_into_a_reset),
	T(a_reset_is_told_to_who_writes_as_well),
	T(after_our_eof_we_read_on),
	T(a_connection_is_accepted_after_its_end),
	T(a_closed_listener_resets_its_backlog),
	T(a_writer_that_waits_for_room_learns_of_the_end),
	T(requests_and_answers_on_kept_connections),
	T(idle_means_quiet_and_open),
	T(a_closed_peer_is_not_idle),
	T(a_refused_connect_says_so),
	T(a_cancelled_connect_leaves_nothing),
	T(listen_refuses_what_it_cannot_bind),
	T(three_hundred_connections_at_once),
	T(no_read_is_made_in_vain),
	T(accept_waits_until_there_is_a_descriptor),
	T(who_waits_for_a_descriptor_can_be_stopped),
};

int main(void)
{
	return RUN_TESTS(tests);
}
