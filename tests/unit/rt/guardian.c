/* guardian.c - whatever becomes of this process, nothing that it started stays
 *
 * Every descendant holds the other end of a pipe: when a read says end of file, none is left. */
#include <hocket/process.h>
#include "base/rand.h"
#include "in_loop.h"
#include "rt/sanitize.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SH(script) ((const char *const[]){ "sh", "-c", (script), NULL })

enum { PATIENCE_MS = 30000, ROUNDS = 30, LATEST_US = 8000 };

/* A family that does not listen to SIGTERM: a child and a grandchild. */
static const char family[] = "trap '' TERM HUP; (sleep 1000) & echo x; wait";

static bool becomes_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, PATIENCE_MS) == 1;
}

static bool all_have_ended(int fd)
{
	char bytes[256];
	ssize_t n = 1;

	while (n > 0)
		n = becomes_readable(fd) ? read(fd, bytes, sizeof(bytes)) : -1;
	return n == 0;
}

/* ---- a process with a loop, to be killed --------------------------------------------------- */

static int start_family(struct hk_process *p, int out)
{
	return hk_process_start(p, SH(family),
				&(struct hk_process_options){ .out = { HK_STDIO_FD, out },
							      .grace_ns = 10 * HK_MS });
}

static int one_family(void *arg)
{
	struct hk_process p;
	int r = start_family(&p, *(int *)arg);
	return r < 0 ? r : hk_process_wait(&p, NULL);
}

static int families_for_ever(void *arg)
{
	struct hk_process p[8];
	size_t n = 0;

	for (size_t i = 0;; i = (i + 1) % ARRAY_SIZE(p)) {
		if (n == ARRAY_SIZE(p))
			hk_process_stop(&p[i], NULL);
		else
			n++;
		if (start_family(&p[i], *(int *)arg) < 0)
			return 1;
	}
}

/* *ret: the end of the pipe that tells when all are gone. */
static pid_t fork_loop(hk_fn *fn, int *ret)
{
	int ends[2];
	pid_t pid;

	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		_exit(hk_run(fn, &ends[1], NULL) == 0 ? 0 : 1);
	}
	CHECK(pid > 0);
	CHECK_INT(close(ends[1]), 0);
	*ret = ends[0];
	return pid;
}

static void end(pid_t pid, int with)
{
	CHECK_INT(kill(pid, with), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static ssize_t read_proc(const char *pid, const char *what, char line[2048])
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, line, 2047) : -1;
	if (fd >= 0)
		(void)close(fd);
	line[n > 0 ? n : 0] = 0;
	return n;
}

static bool is_guardian_of(pid_t parent, const char *pid)
{
	const char word[] = "hocket-guardian";
	char line[2048];
	pid_t its_parent = 0;
	ssize_t n;

	if (read_proc(pid, "stat", line) <= 0 || !strrchr(line, ')') ||
	    sscanf(strrchr(line, ')'), ") %*c %d", &its_parent) != 1 || its_parent != parent)
		return false;
	n = read_proc(pid, "cmdline", line);
	return n > 0 && memmem(line, (size_t)n, word, sizeof(word));
}

/* 0: none. */
static pid_t find_guardian(pid_t parent)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	while (!found && (entry = readdir(proc)) != NULL)
		if (entry->d_name[0] > '0' && entry->d_name[0] <= '9' &&
		    is_guardian_of(parent, entry->d_name))
			found = (pid_t)strtoll(entry->d_name, NULL, 10);
	(void)closedir(proc);
	return found;
}

/* A program that was started shows its arguments a moment later. */
static pid_t await_guardian(pid_t parent)
{
	pid_t found;

	while ((found = find_guardian(parent)) == 0)
		sched_yield();
	return found;
}

/* Its program has begun and does not listen any more. */
static bool ignores(pid_t pid, int number)
{
	char name[16], line[2048], *at;

	(void)snprintf(name, sizeof(name), "%d", pid);
	if (read_proc(name, "status", line) <= 0)
		return false;
	at = strstr(line, "SigIgn:");
	return at && (strtoull(at + 7, NULL, 16) >> (number - 1) & 1);
}

/* ---- tests --------------------------------------------------------------------------------- */

TEST(a_killed_parent_takes_its_grandchildren_along)
{
	int fd, guardian_fd;
	pid_t pid = fork_loop(one_family, &fd), guardian;
	char x;

	CHECK(becomes_readable(fd) && read(fd, &x, 1) == 1);
	guardian = await_guardian(pid);
	guardian_fd = pidfd_open(guardian, 0);
	end(pid, SIGKILL);
	CHECK(all_have_ended(fd));
	CHECK(becomes_readable(guardian_fd)); /* it does not stay either */
	CHECK_INT(close(fd) | close(guardian_fd), 0);
}

TEST(the_guardian_does_not_listen_to_signals)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	int fd;
	pid_t pid = fork_loop(one_family, &fd), guardian;
	char x;

	CHECK(becomes_readable(fd) && read(fd, &x, 1) == 1);
	guardian = await_guardian(pid);
	CHECK_INT(getsid(guardian), guardian);
	while (!ignores(guardian, SIGUSR2))
		sched_yield();
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		CHECK_INT(kill(guardian, numbers[i]), 0);
	end(pid, SIGKILL);
	CHECK(all_have_ended(fd));
	CHECK_INT(close(fd), 0);
}

static int one_sleeper(void *arg)
{
	struct hk_process p;
	int r = hk_process_start(
		&p, SH("echo x; exec sleep 1000"),
		&(struct hk_process_options){ .out = { HK_STDIO_FD, *(int *)arg } });
	return r < 0 ? r : hk_process_wait(&p, NULL);
}

TEST(without_the_guardian_the_child_still_dies)
{
	int fd;
	pid_t pid = fork_loop(one_sleeper, &fd), guardian;
	char x;

	CHECK(becomes_readable(fd) && read(fd, &x, 1) == 1);
	guardian = await_guardian(pid);
	CHECK_INT(kill(guardian, SIGKILL), 0);
	end(pid, SIGKILL);
	CHECK(all_have_ended(fd));
	CHECK_INT(close(fd), 0);
}

/* Whatever it is just doing: starting the guardian, a child, stopping one. */
TEST(killed_at_any_time_it_leaves_nobody)
{
	struct rand rand;

	rand_seed(&rand, rand_entropy());
	for (int i = 0; i < ROUNDS; i++) {
		int fd;
		pid_t pid = fork_loop(families_for_ever, &fd);
		(void)usleep((useconds_t)(rand_u64(&rand) % LATEST_US));
		end(pid, SIGKILL);
		CHECK(all_have_ended(fd));
		CHECK_INT(close(fd), 0);
	}
}

TEST(one_that_ends_by_itself_leaves_nobody)
{
	int fd;
	pid_t pid = fork_loop(one_family, &fd);
	char x;

	CHECK(becomes_readable(fd) && read(fd, &x, 1) == 1);
	end(pid, SIGTERM);
	CHECK(all_have_ended(fd));
	CHECK_INT(close(fd), 0);
}

/* ---- children that nobody waits for -------------------------------------------------------- */

static int forget_two(void *arg)
{
	struct hk_process p[3];
	int r = start_family(&p[0], *(int *)arg);

	r = r < 0 ? r : start_family(&p[1], *(int *)arg);
	r = r < 0 ? r : start_family(&p[2], *(int *)arg);
	if (r < 0)
		return r;
	hk_process_stop(&p[1], NULL);
	return close(p[0].pidfd_) | close(p[2].pidfd_); /* theirs would be lost */
}

static void keep_report(enum hk_report kind, const char *text, void *arg)
{
	CHECK_INT(kind, HK_REPORT_UNREAD);
	(void)snprintf(arg, 512, "%s", text);
}

TEST(forgotten_children_are_killed_and_reported)
{
	char text[512] = "";
	int ends[2];

	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	CHECK_INT(hk_run(forget_two, &ends[1],
			 &(struct hk_run_options){ .report = keep_report, .report_arg = text }),
		  0);
	CHECK(strstr(text, "2 child processes were never waited for"));
	CHECK(strstr(text, " (sh), started by task \"main\", spawned at hk_run(); "));
	CHECK_INT(close(ends[1]), 0);
	CHECK(all_have_ended(ends[0]));
	CHECK_INT(close(ends[0]), 0);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
}

static int only_sleep(void *arg)
{
	(void)arg;
	return find_guardian(getpid()) == 0 ? hk_sleep(HK_MS) : -EEXIST;
}

TEST(without_children_there_is_no_guardian)
{
	CHECK_INT(hk_run(only_sleep, NULL, NULL), 0);
}

static bool is_guarded(void)
{
	int64_t until = hk_now_exact_ns() + PATIENCE_MS * HK_MS;

	while (find_guardian(getpid()) == 0 && hk_now_exact_ns() < until)
		sched_yield();
	return find_guardian(getpid()) != 0;
}

static int start_one(void *arg)
{
	const struct rlimit *few = arg;
	struct rlimit former;
	struct hk_process p;
	int r;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &former), 0);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, few), 0);
	r = hk_process_start(&p, SH("read x"), NULL);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &former), 0);
	CHECK(r == -EMFILE || (r == 0 && is_guarded()));
	hk_process_stop(&p, NULL);
	if (r < 0) {
		CHECK_INT(hk_process_start(&p, SH("read x"), NULL), 0);
		CHECK(is_guarded());
		hk_process_stop(&p, NULL);
	}
	return r;
}

/* For every number of descriptors that may still be opened. */
TEST(no_child_starts_before_its_guardian)
{
	struct rlimit few;
	int failed = 0;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &few), 0);
	for (rlim_t n = 6; n < 22; n++) {
		few.rlim_cur = n;
		failed += hk_run(start_one, &few, NULL) < 0;
	}
	CHECK(failed > 3 && failed < 16);
}

static const struct test tests[] = {
	T(a_killed_parent_takes_its_grandchildren_along),
	T(the_guardian_does_not_listen_to_signals),
	T(without_the_guardian_the_child_still_dies),
	T(killed_at_any_time_it_leaves_nobody),
	T(one_that_ends_by_itself_leaves_nobody),
	T(forgotten_children_are_killed_and_reported),
	T(without_children_there_is_no_guardian),
	T(no_child_starts_before_its_guardian),
};

int main(void)
{
	if (RUNNING_ON_VALGRIND) {
		printf("1..0 # SKIP valgrind 3.19 does not live through clone and few "
		       "descriptors\n");
		return 0;
	}
	return RUN_TESTS(tests);
}
