/* bad_worker.h - a worker that does as it is told: what the tests of the process pool call
 *
 * A call's part 0 names one of the modes below; part 1, when there is one, is the answer. The program is started as
 * "PROGRAM worker [HOW]": HOW spoils the start itself. Frames that are wrong are written by hand: nothing here believes frame.c. */
#pragma once
#include "../check.h"
#include <errno.h>
#include <hocket/process_pool.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ANSWERS_FD = 4 };

NORETURN static void hang(void)
{
	for (;;)
		pause();
}

NORETURN static void die_of(int number)
{
	sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL },
		  NULL); /* not the sanitizer's */
	raise(number);
	_exit(99);
}

static void put(int fd, const void *bytes, size_t n)
{
	ASSERT(write(fd, bytes, n) == (ssize_t)n);
}

/* A head, byte by byte. */
static void put_head(unsigned char version, unsigned char kind, unsigned char call,
		     unsigned char parts, uint64_t body)
{
	unsigned char head[24] = { 'H', 'K', 'W', version, kind, 0, 0, 0, call, 0, 0, 0, parts };

	for (int i = 0; i < 8; i++)
		head[16 + i] = (unsigned char)(body >> (8 * i));
	put(ANSWERS_FD, head, sizeof(head));
}

static void do_half(void)
{
	put_head(1, 3, 1, 1, 100);
	put(ANSWERS_FD, "12345678abc", 11);
	_exit(0);
}

static void do_garbage(void)
{
	put(ANSWERS_FD, "Warning: deprecated", 19);
	hang();
}

static void do_huge(void)
{
	put_head(1, 3, 1, 1, UINT64_C(1) << 40);
	hang();
}

static void do_other_call(void)
{
	put_head(1, 3, 77, 0, 0);
	hang();
}

/* An answer nobody asked for, before the right one. */
static void do_babble(void)
{
	static char answer[2 * 24]; /* two empty answers in one write */

	for (size_t i = 0; i < 2; i++) {
		memcpy(answer + i * 24, "HKW\1\3", 5);
		answer[i * 24 + 8] = 1;
	}
	put(ANSWERS_FD, answer, sizeof(answer));
	hang();
}

static void do_close(void)
{
	close(ANSWERS_FD);
	hang();
}

static void do_flood(void)
{
	static char line[1024];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 4096; i++)
		put(i & 1, line,
		    sizeof(line)); /* 0 is /dev/null: written to descriptor 1 only half the time */
}

static void do_leak(void)
{
	size_t n = 50u << 20;
	volatile char *lost = malloc(n);

	for (size_t i = 0; lost && i < n; i += 4096)
		lost[i] = 1;
}

static pid_t grandchild;

static void do_grandchild(void)
{
	grandchild = fork();
	if (grandchild == 0)
		hang();
}

/* A daemon: another session, the pipes kept open. It ends by itself, for nobody can find it. */
static void do_daemon(void)
{
	int ends[2];

	ASSERT(pipe(ends) == 0);
	if (fork() == 0) {
		setsid();
		close(ends[0]);
		close(ends[1]);
		sleep(20);
		_exit(0);
	}
	close(ends[1]);
	ASSERT(read(ends[0], ends, 1) == 0); /* it has left the group */
	_exit(5);
}

/* Leaves a child that floods standard error while no call is on the way. */
static void do_flood_later(void)
{
	grandchild = fork();
	if (grandchild == 0) {
		usleep(50 * 1000);
		do_flood();
		_exit(0);
	}
}

/* Leaves a child that writes where answers belong, while no call is on the way. */
static void do_babble_later(void)
{
	grandchild = fork();
	if (grandchild == 0) {
		usleep(20 * 1000);
		put(ANSWERS_FD, "done!\n", 6);
		_exit(0);
	}
}

/* Will not leave: not at the end of its calls, not for SIGTERM. */
static void do_stay(void)
{
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	atexit(hang);
}

static void do_print(void)
{
	printf("on standard output\n");
	fprintf(stderr, "on standard error\n");
}

static void do_sleep(void)
{
	hang();
}

static void do_crash(void)
{
	fprintf(stderr, "first line\nabout to crash\n");
	die_of(SIGSEGV);
}

static void do_orphan(void)
{
	do_grandchild();
	die_of(SIGSEGV);
}

static void do_abort(void)
{
	die_of(SIGABRT);
}

static void do_exit(void)
{
	_exit(3);
}

static void do_nothing(void)
{
}

static void do_answer_and_exit(void)
{
	put_head(1, 3, 1, 0, 0);
	_exit(0);
}

/* As its second call. The answer is more than one read, and children are still there when it has ended. */
static void do_answer_and_leave_children(void)
{
	static char body[8 + 8000] = { 0x40, 0x1f };

	for (int i = 0; i < 50; i++)
		if (fork() == 0)
			hang();
	put_head(1, 3, 2, 1, sizeof(body));
	put(ANSWERS_FD, body, sizeof(body));
	_exit(0);
}

static const struct mode {
	const char *name;
	void (*fn)(void);
	int outcome; /* of the call, on a pool with a time-out */
} modes[] = {
	{ "echo", do_nothing, 0 },
	{ "print", do_print, 0 },
	{ "error", do_nothing, -EREMOTEIO },
	{ "crash", do_crash, -EPIPE },
	{ "abort", do_abort, -EPIPE },
	{ "exit", do_exit, -EPIPE },
	{ "half", do_half, -EPIPE },
	{ "orphan", do_orphan, -EPIPE },
	{ "garbage", do_garbage, -EBADMSG },
	{ "huge", do_huge, -EMSGSIZE },
	{ "other call", do_other_call, -EBADMSG },
	/* the rest hangs, is slow, or is special */
	{ "sleep", do_sleep, -ETIMEDOUT },
	{ "close", do_close, -EPIPE },
	{ "babble", do_babble, -EBADMSG },
	{ "flood", do_flood, 0 },
	{ "leak", do_leak, 0 },
	{ "grandchild", do_grandchild, 0 },
	{ "flood later", do_flood_later, 0 },
	{ "babble later", do_babble_later, 0 },
	{ "stay", do_stay, 0 },
	{ "daemon", do_daemon, -EPIPE },
	{ "answer and exit", do_answer_and_exit, 0 },
	{ "answer and leave children", do_answer_and_leave_children, 0 },
};
enum { QUICK_MODES = 11 };

static const struct mode *find_mode(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (slice_eq_str(name, modes[i].name))
			return &modes[i];
	return NULL;
}

/* Behaves as part 0 says, then answers with part 1; when there is none, with its own number or its child's. */
static int behave(const struct hk_part *parts, size_t n, void **ret, size_t *ret_n, char why[512],
		  void *arg)
{
	struct slice name = { parts[0].bytes, parts[0].n };
	char pid[32];
	struct slice answer = { pid, 0 };

	ASSERT(find_mode(name));
	grandchild = 0;
	find_mode(name)->fn();
	answer.n =
		(size_t)snprintf(pid, sizeof(pid), "%d", grandchild ? grandchild : (int)getpid());
	if (slice_eq(name, S("error"))) {
		snprintf(why, 512,
			 "cannot read page 7:\tno such font\nin 'report' \x1b[31m\xc2\x9b "
			 "\xff\xc3\xa9");
		return -1;
	}
	if (n > 1)
		answer = (struct slice){ parts[1].bytes, parts[1].n };
	*ret = xmalloc(answer.n);
	memcpy(*ret, answer.p, answer.n);
	*ret_n = answer.n;
	return 0;
}

/* Those that are not ready, or not right. */
static void start_badly(const char *how)
{
	if (strcmp(how, "silent") == 0)
		hang();
	if (strcmp(how, "dies") == 0) {
		fprintf(stderr, "ImportError: no module named report\n");
		_exit(1);
	}
	if (strcmp(how, "version") == 0) {
		put_head(2, 1, 0, 0, 0);
		hang();
	}
	if (strcmp(how, "talks") == 0) {
		put(ANSWERS_FD, "Welcome!\n", 9);
		hang();
	}
	if (strcmp(how, "leaves") == 0) {
		put_head(1, 1, 0, 0, 0);
		_exit(4);
	}
	if (strcmp(how, "deaf") == 0) {
		put_head(1, 1, 0, 0, 0);
		hang();
	}
	if (strcmp(how, "slow") == 0)
		usleep(300 * 1000);
}

static int worker_main(int argc, char **argv)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	if (argc > 2)
		start_badly(argv[2]);
	return hk_worker_run(behave, NULL);
}
