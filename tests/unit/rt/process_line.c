/* process_line.c - programs that speak lines are workers like others; and what a pool can give its workers, or take from them */
#include "real_loop.h"
#include <hocket/process_pool.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char self[4096];

static struct hk_process_pool *pool_of(const char *how, struct hk_process_pool_options o)
{
	const char *argv[] = { self, how, NULL };
	struct hk_process_pool *pool = NULL;

	o.argv = argv;
	o.workers = o.workers ? o.workers : 1;
	CHECK_INT(hk_process_pool_new(&o, &pool), 0);
	return pool;
}

static struct hk_process_pool *lines_of(const char *how)
{
	return pool_of(how, (struct hk_process_pool_options){ .lines = true,
							      .timeout_ns = 20 * HK_SEC,
							      .max_frame_bytes = 8u << 20 });
}

/* The result; in text what it answered, or why not. */
static int ask(struct hk_process_pool *pool, const char *line, char text[512])
{
	struct hk_part part = { line, strlen(line) };
	struct hk_answer a;
	int r = hk_process_pool_call(pool, &part, 1, &a);

	if (r < 0)
		snprintf(text, 512, "%s", a.why);
	else
		snprintf(text, 512, "%.*s", (int)a.parts[0].n, (const char *)a.parts[0].bytes);
	hk_answer_done(&a);
	return r;
}

TEST_IN_REAL_LOOP(a_line_is_answered_with_a_line)
{
	struct hk_process_pool *pool = lines_of("echo");
	struct hk_process_pool_stats stats;
	char text[512];

	for (int i = 0; i < 50; i++) {
		CHECK_INT(ask(pool, "{\"n\": 1}", text), 0);
		CHECK_STR(text, "{\"n\": 1}");
	}
	CHECK_INT(ask(pool, "", text), 0);
	CHECK_STR(text, "");
	hk_process_pool_stats_get(pool, &stats);
	CHECK_INT(stats.started, 1);
	hk_process_pool_free(pool);
}

/* Much longer than a pipe, through a program that writes as it reads. */
TEST_IN_REAL_LOOP(a_long_line_goes_through_what_copies_it)
{
	struct hk_process_pool *pool = lines_of("echo");
	size_t n = 5u << 20;
	char *line = xmalloc(n + 1);
	struct hk_answer a;

	memset(line, 'x', n);
	for (size_t bytes = 60000; bytes <= n; bytes *= 3) {
		struct hk_part part = { line, bytes };
		CHECK_INT(hk_process_pool_call(pool, &part, 1, &a), 0);
		CHECK_INT(a.parts_n, 1);
		CHECK_INT(a.parts[0].n, bytes);
		CHECK(memcmp(a.parts[0].bytes, line, bytes) == 0);
		hk_answer_done(&a);
	}
	free(line);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(each_harm_costs_one_line)
{
	static const struct {
		const char *line, *why;
		int result;
	} harms[] = {
		{ "twice", "does not answer each line with one line", -EBADMSG },
		{ "exit", "exited with status 3", -EPIPE },
		{ "crash", "killed by signal 9", -EPIPE },
		{ "long", "larger than 8388608 bytes", -EMSGSIZE },
		{ "half", "exited with status 0", -EPIPE },
	};
	struct hk_process_pool *pool = lines_of("odd");
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(harms); i++) {
		CHECK_INT(ask(pool, harms[i].line, text), harms[i].result);
		CHECK(strstr(text, harms[i].why));
		CHECK_INT(ask(pool, "fine", text), 0);
		CHECK_STR(text, "fine");
	}
	hk_process_pool_free(pool);
}

/* What it said between two calls is nobody's answer: the next call goes to another worker. */
TEST_IN_REAL_LOOP(a_late_line_is_nobodys_answer)
{
	struct hk_process_pool *pool = lines_of("odd");
	struct hk_process_pool_stats stats;
	char text[512];

	CHECK_INT(ask(pool, "late", text), 0);
	CHECK_STR(text, "late");
	hk_process_pool_stats_get(pool, &stats);
	for (int i = 0; i < 10; i++) {
		CHECK_INT(ask(pool, "fine", text), 0);
		CHECK_STR(text, "fine");
	}
	hk_process_pool_stats_get(pool, &stats);
	CHECK_INT(stats.started, 2);
	CHECK_INT(stats.crashed, 1);
	hk_process_pool_free(pool);
}

TEST_IN_REAL_LOOP(how_it_ended_is_told)
{
	struct hk_process_pool *pool = lines_of("odd");
	struct hk_part crash = { "crash", 5 }, leaves = { "exit", 4 };
	struct hk_answer a;

	CHECK_INT(hk_process_pool_call(pool, &crash, 1, &a), -EPIPE);
	CHECK_INT(a.exit.signal, SIGKILL);
	CHECK_INT(hk_process_pool_call(pool, &leaves, 1, &a), -EPIPE);
	CHECK_INT(a.exit.signal, 0);
	CHECK_INT(a.exit.status, 3);
	hk_process_pool_free(pool);
}

static void note(void *arg, const char *line, size_t n)
{
	char *all = arg;

	snprintf(all + strlen(all), 512 - strlen(all), "[%.*s]", (int)n, line);
}

TEST_IN_REAL_LOOP(who_listens_hears_whole_lines)
{
	char heard[512] = "", text[512];
	struct hk_process_pool *pool = pool_of(
		"odd",
		(struct hk_process_pool_options){ .lines = true, .said = note, .said_arg = heard });

	CHECK_INT(ask(pool, "print", text), 0);
	hk_process_pool_free(pool); /* its end brings what has no line end */
	CHECK_STR(heard, "[first][second][third]");
}

TEST_IN_REAL_LOOP(a_worker_keeps_what_it_is_given)
{
	int fd = memfd_create("kept", MFD_CLOEXEC);
	struct hk_process_pool_options o = { .process = { .keep = &fd, .keep_n = 1 } };
	struct hk_process_pool *pool = pool_of("frames", o);
	char text[512];

	CHECK_INT(write(fd, "kept", 4), 4);
	CHECK_INT(ask(pool, "5", text), 0);
	CHECK_STR(text, "kept");
	hk_process_pool_free(pool);
	o.lines = true;
	pool = pool_of("odd", o);
	CHECK_INT(ask(pool, "3", text), 0);
	CHECK_STR(text, "kept");
	hk_process_pool_free(pool);
	close(fd);
}

TEST_IN_REAL_LOOP(the_network_can_be_taken_away)
{
	struct hk_process_pool_options o = { .lines = true };
	struct hk_process_pool *pool = pool_of("odd", o);
	char text[512];

	CHECK_INT(ask(pool, "socket", text), 0);
	CHECK_STR(text, "4 open, 6 open, local open");
	hk_process_pool_free(pool);
	o.process.no_network = true;
	pool = pool_of("odd", o);
	CHECK_INT(ask(pool, "socket", text), 0);
	CHECK_STR(text, "4 closed, 6 closed, local open");
	hk_process_pool_free(pool);
}

/* ---- the workers ---- */
static void put_kept(int fd)
{
	char text[16] = "";

	printf("%.*s\n", (int)pread(fd, text, sizeof(text) - 1, 0), text);
}

static const char *socket_says(int family)
{
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? "open" : errno == EACCES ? "closed" : "?";
}

static void answer_oddly(const char *line)
{
	if (strcmp(line, "twice") == 0) {
		printf("one\ntwo\n");
	} else if (strcmp(line, "late") == 0) {
		printf("late\n");
		fflush(stdout);
		usleep(20000);
		printf("of nobody\n");
		fflush(stdout);
		usleep(100000);
	} else if (strcmp(line, "exit") == 0) {
		_exit(3);
	} else if (strcmp(line, "crash") == 0) {
		kill(getpid(), SIGKILL);
	} else if (strcmp(line, "half") == 0) {
		printf("no line end");
		fflush(stdout);
		_exit(0);
	} else if (strcmp(line, "long") == 0) {
		for (int i = 0; i < 9 << 20; i++)
			putchar('x');
		putchar('\n');
	} else if (strcmp(line, "print") == 0) {
		fprintf(stderr, "fir");
		fprintf(stderr, "st\nsecond\nthird");
		printf("done\n");
	} else if (strcmp(line, "3") == 0) {
		put_kept(3);
	} else if (strcmp(line, "socket") == 0) {
		printf("4 %s, 6 %s, local %s\n", socket_says(AF_INET), socket_says(AF_INET6),
		       socket_says(AF_UNIX));
	} else {
		printf("%s\n", line);
	}
}

static int be_odd(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		answer_oddly(line);
		fflush(stdout);
	}
	return 0;
}

static int echo(void)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
		for (ssize_t at = 0, put; at < n; at += put)
			if ((put = write(STDOUT_FILENO, bytes + at, (size_t)(n - at))) < 0)
				return 1;
	return 0;
}

static int give_kept(const struct hk_part *parts, size_t n, void **ret, size_t *ret_n,
		     char why[512], void *arg)
{
	char text[16] = "";
	ssize_t got = pread(*(const char *)parts[0].bytes - '0', text, sizeof(text) - 1, 0);

	*ret = xstrndup(text, (size_t)(got > 0 ? got : 0));
	*ret_n = (size_t)(got > 0 ? got : 0);
	return 0;
}

static const struct test tests[] = {
	T(a_line_is_answered_with_a_line),
	T(a_long_line_goes_through_what_copies_it),
	T(each_harm_costs_one_line),
	T(a_late_line_is_nobodys_answer),
	T(how_it_ended_is_told),
	T(who_listens_hears_whole_lines),
	T(a_worker_keeps_what_it_is_given),
	T(the_network_can_be_taken_away),
};

int main(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ASSERT(n > 0);
	if (argc > 1 && strcmp(argv[1], "echo") == 0)
		return echo();
	if (argc > 1 && strcmp(argv[1], "odd") == 0)
		return be_odd();
	if (argc > 1 && strcmp(argv[1], "frames") == 0)
		return hk_worker_run(give_kept, NULL);
	return RUN_TESTS(tests);
}
