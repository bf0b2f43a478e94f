/* fd.c - reads and writes that park: edges, ends, rivals
 *
 * TEST_IN_SIM: with pairs of the kernel, and with those of the simulation in many orders: both must behave alike. */
#include "in_loop.h"
#include <fcntl.h>
#include <unistd.h>

struct io {
	int fd, mode;
	char *bytes;
	size_t n;
	ssize_t result;
	struct hk_scope scope;
};

static int do_read(void *arg)
{
	struct io *io = arg;

	hk_scope_open(&io->scope, HK_FOREVER);
	io->result = hk_read(io->fd, io->bytes, io->n);
	(void)hk_scope_close(&io->scope, 0);
	return 0;
}

static int do_write(void *arg)
{
	struct io *io = arg;

	hk_scope_open(&io->scope, HK_FOREVER);
	io->result = hk_write(io->fd, io->bytes, io->n);
	(void)hk_scope_close(&io->scope, 0);
	return 0;
}

static int do_wait(void *arg)
{
	struct io *io = arg;

	io->result = hk_fd_wait(io->fd, io->mode);
	return 0;
}

static void start(struct hk_group *g, hk_fn *fn, struct io *io)
{
	io->result = 1000000;
	CHECK_INT(hk_spawn(g, fn, io), 0);
	CHECK_INT(hk_wait_all_parked(), 0);
}

static void pair(int fd[2])
{
	CHECK_INT(hk_pair(fd), 0);
}

static void close_pair(int fd[2])
{
	CHECK_INT(hk_close(fd[0]), 0);
	CHECK_INT(hk_close(fd[1]), 0);
}

TEST_IN_SIM(a_read_waits_for_bytes, 50)
{
	int fd[2];
	char bytes[8];
	struct io io = { .bytes = bytes, .n = sizeof(bytes) };
	struct hk_group g;

	pair(fd);
	io.fd = fd[0];
	hk_group_open(&g, NULL);
	start(&g, do_read, &io);
	CHECK_INT(io.result, 1000000);
	CHECK_INT(hk_write(fd[1], "abc", 3), 3);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, 3);
	CHECK_INT(memcmp(bytes, "abc", 3), 0);
	close_pair(fd);
}

/* Short reads in a row, bytes between them, and the end: no edge may be missed. */
TEST_IN_SIM(every_byte_arrives_in_any_rhythm, 20)
{
	int fd[2];
	char bytes[4];

	pair(fd);
	for (int i = 0; i < 200; i++) {
		size_t n = 1 + (size_t)i % 9, got = 0;
		CHECK_INT(hk_write(fd[1], "123456789", n), n);
		while (got < n) {
			ssize_t r = hk_read(fd[0], bytes, sizeof(bytes));
			CHECK(r > 0);
			got += r > 0 ? (size_t)r : n;
		}
		CHECK_INT(got, n);
	}
	CHECK_INT(hk_write(fd[1], "xy", 2), 2);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 2); /* short, and the last edge */
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_SIM(a_write_waits_for_room_and_writes_all, 3)
{
	enum { N = 3 << 20 };
	int fd[2];
	char *out = calloc(1, N), *in = calloc(1, N);
	struct io io = { .bytes = out, .n = N };
	struct hk_group g;
	size_t got = 0;

	CHECK(out && in);
	for (size_t i = 0; i < N; i++)
		out[i] = (char)(i * 7 + i / 251);
	pair(fd);
	io.fd = fd[1];
	hk_group_open(&g, NULL);
	start(&g, do_write, &io);
	CHECK_INT(io.result, 1000000);
	while (got < N) {
		ssize_t r = hk_read(fd[0], in + got, N - got < 70000 ? N - got : 70000);
		CHECK(r > 0);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, N);
	CHECK_INT(memcmp(in, out, N), 0);
	free(in);
	free(out);
	close_pair(fd);
}

TEST_IN_SIM(writev_consumes_its_vectors, 20)
{
	int fd[2];
	char a[] = "one ", b[] = "", c[] = "two";
	struct iovec v[] = { { a, 4 }, { b, 0 }, { c, 3 } };
	char bytes[16] = { 0 };

	pair(fd);
	CHECK_INT(hk_writev(fd[1], v, 3), 7);
	CHECK_INT(v[0].iov_len + v[1].iov_len + v[2].iov_len, 0);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 7);
	CHECK_STR(bytes, "one two");
	CHECK_INT(hk_writev(fd[1], v, 3), 0);
	close_pair(fd);
}

/* trio: test_io.py, test_double_read: ResourceBusyError */
TEST_IN_SIM(a_second_reader_is_refused, 50)
{
	int fd[2];
	char bytes[4];
	struct io io = { .bytes = bytes, .n = sizeof(bytes) };
	struct hk_group g;

	pair(fd);
	io.fd = fd[0];
	hk_group_open(&g, NULL);
	start(&g, do_read, &io);
	CHECK_INT(hk_read(fd[0], bytes, 1), -EBUSY);
	CHECK_INT(hk_fd_wait(fd[0], HK_READ), -EBUSY);
	CHECK_INT(hk_write(fd[0], "x", 1), 1); /* the other direction is free */
	CHECK_INT(hk_write(fd[1], "y", 1), 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, 1);
	close_pair(fd);
}

/* trio: test_io.py, test_interrupted_by_close */
TEST_IN_SIM(close_wakes_the_waiting_with_ebadf, 20)
{
	int fd[2];
	char bytes[4];
	static char much[1 << 20];
	struct io reader = { .bytes = bytes, .n = sizeof(bytes) };
	struct io writer = { .bytes = much, .n = sizeof(much) };
	struct hk_group g;

	pair(fd);
	reader.fd = writer.fd = fd[0];
	hk_group_open(&g, NULL);
	start(&g, do_read, &reader);
	start(&g, do_write, &writer);
	CHECK_INT(hk_close(fd[0]), 0);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(reader.result, -EBADF);
	CHECK_INT(writer.result, -EBADF);
	CHECK_INT(hk_read(fd[0], bytes, 1), -EBADF);
	CHECK_INT(hk_close(fd[0]), -EBADF);
	CHECK_INT(hk_close(fd[1]), 0);
}

/* The number is used again before the old reader runs: it must not read from the new descriptor. */
TEST_IN_SIM(a_reused_number_is_another_descriptor, 50)
{
	int old[2], new[2];
	char bytes[4];
	struct io io = { .bytes = bytes, .n = sizeof(bytes) };
	struct hk_group g;

	pair(old);
	io.fd = old[0];
	hk_group_open(&g, NULL);
	start(&g, do_read, &io);
	CHECK_INT(hk_write(old[1], "old", 3), 3);
	CHECK_INT(hk_close(old[0]), 0);
	pair(new);
	CHECK_INT(new[0], old[0]);
	CHECK_INT(hk_write(new[1], "new", 3), 3);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, -EBADF);
	CHECK_INT(hk_read(new[0], bytes, sizeof(bytes)), 3);
	CHECK_INT(memcmp(bytes, "new", 3), 0);
	close_pair(new);
	CHECK_INT(hk_close(old[1]), 0);
}

/* A copy of the old descriptor lives on, in a child perhaps: its edges carry the same number. */
TEST_IN_LOOP(edges_of_an_earlier_descriptor_are_dropped)
{
	int old[2], new[2], copy;
	struct io io = { .mode = HK_READ };
	struct hk_group g;

	pair(old);
	CHECK_INT(hk_fd_wait(old[0], HK_READ), HK_READ);
	copy = dup(old[0]);
	CHECK_INT(hk_close(old[0]), 0);
	pair(new);
	CHECK_INT(new[0], old[0]);
	CHECK_INT(hk_fd_wait(new[0], HK_READ), HK_READ);
	io.fd = new[0];
	hk_group_open(&g, NULL);
	start(&g, do_wait, &io);
	CHECK_INT(hk_write(old[1], "old", 3), 3);
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK_INT(io.result, 1000000);
	CHECK_INT(hk_write(new[1], "new", 3), 3);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, HK_READ);
	close_pair(new);
	CHECK_INT(hk_close(old[1]), 0);
	CHECK_INT(close(copy), 0);
}

TEST_IN_SIM(a_cancelled_read_took_nothing, 50)
{
	int fd[2];
	char bytes[4];
	struct io io = { .bytes = bytes, .n = sizeof(bytes) };
	struct hk_group g;

	pair(fd);
	io.fd = fd[0];
	hk_group_open(&g, NULL);
	start(&g, do_read, &io);
	hk_scope_cancel(&io.scope);
	CHECK_INT(hk_write(fd[1], "abc", 3), 3);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, -ECANCELED);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 3);
	close_pair(fd);
}

static int write_to_both(void *arg)
{
	const int *fds = arg;

	CHECK_INT(write(fds[0], "a", 1), 1);
	CHECK_INT(write(fds[1], "b", 1), 1);
	return 0;
}

/* Both edges come in one turn. The first reader to run takes the other's byte and cancels it: that one was woken in
 * vain and must not park again. */
TEST_IN_LOOP(woken_in_vain_and_cancelled_is_cancelled)
{
	int mine[2], its[2], ends[2];
	char byte;
	struct io io = { .bytes = &byte, .n = 1 };
	struct hk_group g;

	pair(mine);
	pair(its);
	io.fd = its[0];
	ends[0] = mine[1];
	ends[1] = its[1];
	hk_group_open(&g, NULL);
	start(&g, do_read, &io);
	CHECK_INT(hk_fd_wait(mine[0], HK_WRITE), HK_WRITE);
	CHECK_INT(hk_sleep(HK_MS), 0); /* what the registrations announced is collected */
	CHECK_INT(hk_spawn(&g, write_to_both, ends), 0);
	CHECK_INT(hk_read(mine[0], &byte, 1), 1); /* parks until both are written */
	CHECK_INT(io.result, 1000000);
	CHECK_INT(recv(its[0], &byte, 1, MSG_DONTWAIT), 1);
	hk_scope_cancel(&io.scope);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, -ECANCELED);
	close_pair(mine);
	close_pair(its);
}

TEST_IN_SIM(a_read_has_a_deadline, 5)
{
	int fd[2];
	char byte;
	struct hk_scope s;
	int64_t start_ns = hk_now_ns();

	pair(fd);
	hk_scope_open(&s, HK_SEC);
	CHECK_INT(hk_scope_close(&s, (int)hk_read(fd[0], &byte, 1)), -ETIMEDOUT);
	CHECK_INT(hk_now_ns() - start_ns, HK_SEC);
	close_pair(fd);
}

TEST_IN_SIM(writing_to_nobody_is_epipe_without_signal, 5)
{
	int fd[2];

	pair(fd);
	CHECK_INT(hk_close(fd[0]), 0);
	CHECK_INT(hk_write(fd[1], "x", 1), -EPIPE);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(pipe(fd), 0);
	CHECK_INT(hk_close(fd[0]), 0);
	CHECK_INT(hk_write(fd[1], "x", 1), -EPIPE);
	CHECK_INT(hk_close(fd[1]), 0);
}

TEST_IN_LOOP(datagrams_are_not_a_stream)
{
	int fd[2];
	char bytes[16];

	CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	CHECK_INT(hk_write(fd[1], "a", 1), 1);
	CHECK_INT(hk_write(fd[1], "bc", 2), 2);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 1); /* short, but there is more */
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 2);
	close_pair(fd);
}

/* The kernel ends a read where a message brought a descriptor, whatever waits behind it. */
TEST_IN_LOOP(a_read_cut_at_a_passed_descriptor_is_not_the_last)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { { .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec v = { "ab", 2 };
	struct msghdr message = { .msg_iov = &v,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct hk_scope scope;
	char bytes[8];
	int fd[2];

	CHECK_INT(hk_pair(fd), 0);
	CHECK_INT(hk_write(fd[1], "x", 1), 1);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)),
		  1); /* so that the next one waits for an edge */
	CHECK_INT(hk_wait_all_parked(), 0);
	memcpy(CMSG_DATA(&control.header), fd, sizeof(int));
	CHECK_INT(sendmsg(fd[1], &message, 0), 2);
	CHECK_INT(hk_write(fd[1], "cde", 3), 3);
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 2);
	hk_scope_open(&scope, HK_SEC); /* else it would wait for ever */
	CHECK_INT(hk_read(fd[0], bytes, sizeof(bytes)), 3);
	CHECK_INT(hk_scope_close(&scope, 0), 0);
	close_pair(fd);
}

TEST_IN_LOOP(descriptors_become_nonblocking_and_cloexec)
{
	int fd[2];
	char byte;

	CHECK_INT(pipe(fd), 0);
	CHECK_INT(hk_write(fd[1], "x", 1), 1);
	CHECK_INT(hk_read(fd[0], &byte, 1), 1);
	CHECK(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd[0], F_GETFD) & FD_CLOEXEC);
	close_pair(fd);
	CHECK_INT(hk_read(-1, &byte, 1), -EBADF);
	CHECK_INT(hk_read(987654, &byte, 1), -EBADF);
}

/* stdin redirected from a file: epoll does not take it, but reading must work. */
TEST_IN_LOOP(regular_files_never_wait)
{
	char name[] = "/tmp/hocket-fd-XXXXXX", bytes[8];
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	CHECK_INT(hk_write(fd, "hello", 5), 5);
	CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
	CHECK_INT(hk_read(fd, bytes, sizeof(bytes)), 5);
	CHECK_INT(hk_read(fd, bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_close(fd), 0);
	CHECK_INT(unlink(name), 0);
}

/* ---- hk_fd_wait, for libraries that read by themselves ------------------------------------------ */

TEST_IN_LOOP(fd_wait_tells_the_modes_and_consumes_them)
{
	int fd[2];
	char byte;
	struct io io = { .mode = HK_READ };
	struct hk_group g;

	pair(fd);
	/* Nothing is known yet: try. */
	CHECK_INT(hk_fd_wait(fd[0], HK_READ | HK_WRITE), HK_READ | HK_WRITE);
	CHECK_INT(recv(fd[0], &byte, 1, MSG_DONTWAIT), -1);
	io.fd = fd[0];
	hk_group_open(&g, NULL);
	start(&g, do_wait, &io);
	CHECK_INT(io.result, 1000000);
	CHECK_INT(hk_write(fd[1], "ab", 2), 2);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, HK_READ);
	CHECK_INT(recv(fd[0], &byte, 1, MSG_DONTWAIT), 1);
	hk_fd_rearm(fd[0], HK_READ); /* stopped before EAGAIN */
	CHECK_INT(hk_fd_wait(fd[0], HK_READ), HK_READ);
	CHECK_INT(recv(fd[0], &byte, 1, MSG_DONTWAIT), 1);
	CHECK_INT(hk_close(fd[1]), 0);
	CHECK_INT(hk_fd_wait(fd[0], HK_READ), HK_READ); /* the end is ready for ever */
	CHECK_INT(hk_fd_wait(fd[0], HK_READ), HK_READ);
	CHECK_INT(hk_close(fd[0]), 0);
}

TEST_IN_LOOP(fd_wait_for_both_wakes_on_one)
{
	int fd[2];
	struct io io = { .mode = HK_READ | HK_WRITE };
	struct hk_group g;
	static char much[1 << 20];

	pair(fd);
	CHECK_INT(hk_fd_wait(fd[0], HK_READ | HK_WRITE), HK_READ | HK_WRITE);
	while (send(fd[0], much, sizeof(much), MSG_DONTWAIT) > 0)
		continue;
	io.fd = fd[0];
	hk_group_open(&g, NULL);
	start(&g, do_wait, &io);
	CHECK_INT(hk_sleep(HK_MS), 0);
	CHECK_INT(io.result, 1000000); /* full and empty: neither */
	CHECK_INT(hk_fd_wait(fd[0], HK_WRITE), -EBUSY);
	CHECK_INT(hk_write(fd[1], "x", 1), 1);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(io.result, HK_READ);
	close_pair(fd);
}

static const struct test tests[] = {
	T(a_read_waits_for_bytes),
	T(every_byte_arrives_in_any_rhythm),
	T(a_write_waits_for_room_and_writes_all),
	T(writev_consumes_its_vectors),
	T(a_second_reader_is_refused),
	T(close_wakes_the_waiting_with_ebadf),
	T(a_reused_number_is_another_descriptor),
	T(edges_of_an_earlier_descriptor_are_dropped),
	T(a_cancelled_read_took_nothing),
	T(woken_in_vain_and_cancelled_is_cancelled),
	T(a_read_has_a_deadline),
	T(writing_to_nobody_is_epipe_without_signal),
	T(datagrams_are_not_a_stream),
	T(a_read_cut_at_a_passed_descriptor_is_not_the_last),
	T(descriptors_become_nonblocking_and_cloexec),
	T(regular_files_never_wait),
	T(fd_wait_tells_the_modes_and_consumes_them),
	T(fd_wait_for_both_wakes_on_one),
};

int main(void)
{
	return RUN_TESTS(tests);
}
