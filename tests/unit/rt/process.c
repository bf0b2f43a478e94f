/* process.c - real programs: how they start, end, talk, and that nothing of them is left */
#include <hocket/process.h>
#include "real_loop.h"
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define ARGV(...)    ((const char *const[]){ __VA_ARGS__, NULL })
#define SH(script)   ARGV("sh", "-c", script)
#define OPTIONS(...) (&(struct hk_process_options){ __VA_ARGS__ })
#define PIPE                     \
	{                        \
		HK_STDIO_PIPE, 0 \
	}

enum { BIG = 16 << 20 };

/* Starts, waits, and says how it ended; a negative number when one of both failed. */
static struct hk_exit exit_of(const char *const argv[], const struct hk_process_options *o)
{
	struct hk_process p;
	struct hk_exit e = { 0 };
	int r = hk_process_start(&p, argv, o);

	if (r == 0)
		r = hk_process_wait(&p, &e);
	if (r < 0)
		e = (struct hk_exit){ r, 0 };
	hk_process_stop(&p, NULL);
	return e;
}

/* What a program prints, up to the end; the caller frees. */
static char *text_of(const char *const argv[], const struct hk_process_options *o)
{
	struct hk_process_run_options run = { 0 };
	struct hk_process_output out;

	if (o)
		run.process = *o;
	CHECK_INT(hk_process_run(argv, &run, &out), 0);
	CHECK_STR(out.err, "");
	free(out.err);
	return out.out;
}

#define CHECK_TEXT(argv, options, want)                   \
	do {                                              \
		char *text_ = text_of((argv), (options)); \
		CHECK_STR(text_, (want));                 \
		free(text_);                              \
	} while (0)

/* ---- its end ------------------------------------------------------------------------------- */

TEST_IN_REAL_LOOP(it_tells_the_exit_status)
{
	CHECK_INT(exit_of(ARGV("true"), NULL).status, 0);
	CHECK_INT(exit_of(SH("exit 7"), NULL).status, 7);
	CHECK_INT(exit_of(SH("exit 255"), NULL).status, 255);
	CHECK_INT(exit_of(SH("exit 7"), NULL).signal, 0);
}

TEST_IN_REAL_LOOP(it_tells_the_signal)
{
	struct hk_exit e = exit_of(SH("kill -SEGV $$"), NULL);

	CHECK_INT(e.status, -1);
	CHECK_INT(e.signal, SIGSEGV);
	CHECK_INT(exit_of(SH("kill -KILL $$"), NULL).signal, SIGKILL);
}

TEST_IN_REAL_LOOP(it_is_waited_for_once)
{
	struct hk_process p;
	struct hk_exit e = { 9, 9 };

	CHECK_INT(hk_process_start(&p, SH("exit 3"), NULL), 0);
	CHECK_INT(hk_process_wait(&p, NULL), 0);
	CHECK_INT(hk_process_wait(&p, &e), -ECHILD);
	CHECK_INT(hk_process_kill(&p, SIGTERM), -ESRCH);
	hk_process_stop(&p, &e); /* harmless, and knows the end */
	CHECK_INT(e.status, 3);
}

static int wait_for(void *arg)
{
	return hk_process_wait(arg, NULL);
}

TEST_IN_REAL_LOOP(one_task_waits_and_another_may_stop_it)
{
	struct hk_process p;
	struct hk_exit e;
	struct hk_group g;
	int r = -1;

	CHECK_INT(hk_process_start(&p, ARGV("sleep", "1000"), NULL), 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_group_spawn(&g, wait_for, &p, &(struct hk_spawn_options){ .result = &r }), 0);
	CHECK_INT(hk_yield(), 0);
	CHECK_INT(hk_process_wait(&p, NULL), -EBUSY);
	hk_process_stop(&p, &e);
	CHECK_INT(e.signal, SIGTERM);
	CHECK_INT(hk_group_close(&g, 0), 0);
	CHECK_INT(r, 0);
}

TEST_IN_REAL_LOOP(a_stolen_end_is_told)
{
	struct hk_process p;
	siginfo_t info;

	CHECK_INT(hk_process_start(&p, SH("exit 3"), NULL), 0);
	CHECK_INT(waitid(P_PID, (id_t)p.pid, &info, WEXITED), 0);
	CHECK_INT(hk_process_wait(&p, NULL), -ECHILD);
	hk_process_stop(&p, NULL);
}

TEST_IN_REAL_LOOP(waiting_is_cut_short_and_the_child_still_runs)
{
	struct hk_process p;
	struct hk_scope s;

	CHECK_INT(hk_process_start(&p, ARGV("sleep", "1000"), NULL), 0);
	hk_scope_open(&s, 10 * HK_MS);
	CHECK_INT(hk_scope_close(&s, hk_process_wait(&p, NULL)), -ETIMEDOUT);
	CHECK(!is_gone(p.pid));
	hk_process_stop(&p, NULL);
	CHECK(is_gone(p.pid));
}

/* ---- starting ------------------------------------------------------------------------------ */

static void refused(const char *const argv[], const struct hk_process_options *o, int want)
{
	struct hk_process p;
	struct hk_exit e;

	CHECK_INT(hk_process_start(&p, argv, o), want);
	hk_process_stop(&p, &e);
	CHECK_INT(hk_process_wait(&p, &e), -ECHILD);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
	CHECK_INT(chmod(path, mode), 0);
}

TEST_IN_REAL_LOOP(what_cannot_be_run_fails_at_once)
{
	char folder[] = "/tmp/hocket-process-XXXXXX", plain[64], text[64];

	CHECK(mkdtemp(folder) != NULL);
	(void)snprintf(plain, sizeof(plain), "%s/plain", folder);
	(void)snprintf(text, sizeof(text), "%s/text", folder);
	write_file(plain, "exit 0\n", 0644);
	write_file(text, "exit 0\n", 0755);
	refused(ARGV("hocket-no-such-program"), NULL, -ENOENT);
	refused(ARGV("/no/such/program"), NULL, -ENOENT);
	refused(ARGV(""), NULL, -ENOENT);
	refused((const char *const[]){ NULL }, NULL, -EINVAL);
	refused(ARGV(plain), NULL, -EACCES);
	refused(ARGV("/etc/passwd/x"), NULL, -ENOTDIR);
	refused(ARGV(text), NULL, -ENOEXEC); /* never seen by a shell */
	refused(ARGV("true"), OPTIONS(.folder = "/no/such/folder"), -ENOENT);
	refused(ARGV("true"), OPTIONS(.in = { HK_STDIO_FD, 987 }), -EBADF);
	refused(ARGV("true"), OPTIONS(.keep = (int[]){ 987 }, .keep_n = 1), -EBADF);
	CHECK_INT(unlink(plain) | unlink(text) | rmdir(folder), 0);
}

/* For every number of descriptors that may still be opened: it starts or says why not, and keeps none. */
TEST_IN_REAL_LOOP(without_descriptors_it_fails_cleanly)
{
	const struct hk_process_options *o = OPTIONS(.in = PIPE, .out = PIPE, .err = PIPE);
	struct rlimit former, few;
	int started = 0;

	CHECK_INT(exit_of(ARGV("true"), NULL).status, 0); /* the guardian is there now */
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &former), 0);
	for (int room = 0; room < 16; room++) {
		int before = open_fds(), r;
		struct hk_process p;
		few = (struct rlimit){ (rlim_t)(before + room), former.rlim_max };
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = hk_process_start(&p, ARGV("true"), o);
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &former), 0);
		CHECK(r == 0 || r == -EMFILE);
		started += r == 0;
		hk_process_stop(&p, NULL);
		CHECK_INT(open_fds(), before);
	}
	CHECK(started > 0 && started < 16);
}

TEST_IN_REAL_LOOP(the_path_is_searched_in_order)
{
	char folder[] = "/tmp/hocket-process-XXXXXX", tool[64], path[128], *former;

	former = strdup(getenv("PATH"));
	CHECK(mkdtemp(folder) != NULL);
	(void)snprintf(tool, sizeof(tool), "%s/uname", folder);
	(void)snprintf(path, sizeof(path), "/no/such:%s:/usr/bin:/bin", folder);
	CHECK_INT(setenv("PATH", path, 1), 0);
	write_file(tool, "#!/bin/sh\necho mine\n", 0644);
	CHECK_TEXT(ARGV("uname"), NULL, "Linux\n"); /* what may not be run is passed by */
	CHECK_INT(chmod(tool, 0755), 0);
	CHECK_TEXT(ARGV("uname"), NULL, "mine\n");
	CHECK_INT(setenv("PATH", folder, 1), 0);
	CHECK_INT(chmod(tool, 0644), 0);
	refused(ARGV("uname"), NULL, -EACCES);
	CHECK_INT(unsetenv("PATH"), 0);
	CHECK_TEXT(ARGV("uname"), NULL, "Linux\n");
	CHECK_TEXT(ARGV("./uname"), OPTIONS(.folder = "/usr/bin"), "Linux\n");
	CHECK_INT(setenv("PATH", former, 1), 0);
	CHECK_INT(unlink(tool) | rmdir(folder), 0);
	free(former);
}

TEST_IN_REAL_LOOP(environment_and_folder_are_as_told)
{
	const char *const env[] = { "A=1", "B=two words", NULL };

	CHECK_TEXT(ARGV("env"), OPTIONS(.env = env), "A=1\nB=two words\n");
	CHECK_INT(setenv("HOCKET_TEST", "inherited", 1), 0);
	CHECK_TEXT(SH("echo $HOCKET_TEST"), NULL, "inherited\n");
	CHECK_TEXT(ARGV("pwd"), OPTIONS(.folder = "/usr"), "/usr\n");
}

TEST_IN_REAL_LOOP(arguments_are_not_seen_by_a_shell)
{
	CHECK_TEXT(ARGV("printf", "%s|", "a b", "$HOME", "", "'\"*;"), NULL, "a b|$HOME||'\"*;|");
}

TEST_IN_REAL_LOOP(memory_is_limited)
{
	CHECK_TEXT(SH("ulimit -v"), OPTIONS(.memory_bytes = 1 << 30), "1048576\n");
}

TEST_IN_REAL_LOOP(signals_are_as_after_login)
{
	sigset_t block, former;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &block, &former), 0);
	/* SIGPIPE is ignored here while a loop runs. */
	CHECK_TEXT(ARGV("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"), NULL,
		   "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &block), 0);
	CHECK(sigismember(&block, SIGUSR1));
	CHECK_INT(pthread_sigmask(SIG_SETMASK, &former, NULL), 0);
}

TEST_IN_REAL_LOOP(it_leads_a_group_of_its_own)
{
	struct hk_process p;

	CHECK_INT(hk_process_start(&p, ARGV("sleep", "1000"), NULL), 0);
	CHECK_INT(getpgid(p.pid), p.pid);
	CHECK_INT(getsid(p.pid), getsid(0));
	CHECK_INT(hk_process_kill(&p, SIGUSR1), 0);
	CHECK_INT(hk_process_kill(&p, 4711), -EINVAL);
	CHECK_INT(hk_process_wait(&p, NULL), 0);
}

/* ---- descriptors --------------------------------------------------------------------------- */

TEST_IN_REAL_LOOP(the_three_streams_go_where_they_are_told)
{
	struct hk_process p;
	int ends[2];
	char bytes[16];

	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	CHECK_INT(
		hk_process_start(&p, SH("cat; echo to-err >&2"),
				 OPTIONS(.in = PIPE, .out = PIPE, .err = { HK_STDIO_FD, ends[1] })),
		0);
	CHECK_INT(close(ends[1]), 0);
	CHECK_INT(hk_write(p.in, "to-out\n", 7), 7);
	CHECK_INT(hk_close(p.in), 0);
	p.in = -1;
	CHECK_INT(hk_read(p.out, bytes, sizeof(bytes)), 7);
	CHECK_INT(memcmp(bytes, "to-out\n", 7), 0);
	CHECK_INT(hk_read(ends[0], bytes, sizeof(bytes)), 7);
	CHECK_INT(memcmp(bytes, "to-err\n", 7), 0);
	CHECK_INT(p.err, -1);
	CHECK_INT(hk_process_wait(&p, NULL), 0);
	CHECK_INT(hk_read(p.out, bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_read(ends[0], bytes, sizeof(bytes)), 0);
	CHECK_INT(hk_close(ends[0]), 0);
	hk_process_stop(&p, NULL); /* closes p.out */
	CHECK_INT(p.out, -1);
}

TEST_IN_REAL_LOOP(null_is_the_default)
{
	CHECK_INT(exit_of(SH("for i in 0 1 2; do [ $(readlink /proc/$$/fd/$i) = /dev/null ] || "
			     "exit 1; done"),
			  NULL)
			  .status,
		  0);
}

/* Wherever the descriptors are here, they must not overwrite each other on their way. */
TEST_IN_REAL_LOOP(kept_descriptors_are_renumbered)
{
	int ends[3][2], keep[3], n;
	char bytes[16];

	for (int i = 0; i < 3; i++)
		CHECK_INT(pipe2(ends[i], O_CLOEXEC), 0);
	for (int turn = 0; turn < 6; turn++) {
		struct hk_process p;
		keep[0] = ends[turn % 3][1];
		keep[1] = ends[(turn + (turn < 3 ? 1 : 2)) % 3][1];
		keep[2] = ends[(turn + (turn < 3 ? 2 : 1)) % 3][1];
		for (int i = 0; i < 3; i++) /* to 3, 4, 5: just where they will be wanted */
			CHECK_INT(dup3(keep[i], 60 + i, O_CLOEXEC), 60 + i);
		CHECK_INT(hk_process_start(&p,
					   SH("echo a >&3; echo b >&4; echo c >&5; ls "
					      "/proc/self/fd | wc -l >&5"),
					   OPTIONS(.keep = keep, .keep_n = 3)),
			  0);
		CHECK_INT(hk_process_wait(&p, NULL), 0);
		for (int i = 0; i < 3; i++) {
			int reader = -1;
			for (n = 0; n < 3; n++)
				reader = ends[n][1] == keep[i] ? ends[n][0] : reader;
			CHECK_INT(read(reader, bytes, sizeof(bytes)), i == 2 ? 4 : 2);
			CHECK_INT(bytes[0], 'a' + i);
		}
		CHECK_INT(bytes[2], '7'); /* 0 to 5, and the one ls reads with */
	}
	for (int i = 0; i < 3; i++)
		CHECK_INT(close(ends[i][0]) | close(ends[i][1]) | close(60 + i), 0);
}

TEST_IN_REAL_LOOP(nothing_else_is_inherited)
{
	int leak = open("/dev/zero", O_RDONLY); /* not close-on-exec */

	CHECK(leak > 2);
	CHECK_TEXT(SH("ls /proc/self/fd | wc -l"), NULL, "4\n");
	CHECK_INT(close(leak), 0);
}

static int start_without_streams(void *arg)
{
	struct hk_exit e =
		exit_of(SH("[ $(readlink /proc/$$/fd/0) = /dev/null ] && exit 5"),
			OPTIONS(.in = { HK_STDIO_INHERIT, 0 }, .out = { HK_STDIO_INHERIT, 0 }));
	(void)arg;
	return e.status;
}

TEST(an_inherited_stream_that_is_closed_is_null)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(0);
		_exit(hk_run(start_without_streams, NULL, NULL));
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(WEXITSTATUS(status), 5);
}

/* ---- run ----------------------------------------------------------------------------------- */

TEST_IN_REAL_LOOP(much_goes_both_ways_at_once)
{
	char *big = malloc(BIG);
	struct hk_process_output o;

	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)('a' + i * i % 23);
	CHECK_INT(hk_process_run(SH("tee /dev/stderr"),
				 &(struct hk_process_run_options){ .input = big, .input_n = BIG },
				 &o),
		  0);
	CHECK_INT(o.exit.status, 0);
	CHECK(o.out_n == BIG && memcmp(o.out, big, BIG) == 0);
	CHECK(o.err_n == BIG && memcmp(o.err, big, BIG) == 0);
	CHECK(!o.out_cut && !o.err_cut);
	free(o.out);
	free(o.err);
	free(big);
}

TEST_IN_REAL_LOOP(output_is_cut_at_the_ceiling)
{
	struct hk_process_output o;
	struct hk_process_run_options options = { .max_bytes = 1000 };

	CHECK_INT(hk_process_run(SH("yes | head -c 5000000; echo done >&2"), &options, &o), 0);
	CHECK_INT(o.out_n, 1000);
	CHECK_INT(strlen(o.out), 1000);
	CHECK(o.out_cut && !o.err_cut);
	CHECK_STR(o.err, "done\n"); /* it was not stopped by a full pipe */
	free(o.out);
	free(o.err);
	CHECK_INT(hk_process_run(SH("yes | head -c 1000"), &options, &o), 0);
	CHECK(o.out_n == 1000 && !o.out_cut);
	free(o.out);
	free(o.err);
}

TEST_IN_REAL_LOOP(a_child_that_does_not_read_is_no_failure)
{
	char *big = calloc(1, BIG);
	struct hk_process_output o;

	CHECK_INT(hk_process_run(SH("exit 4"),
				 &(struct hk_process_run_options){ .input = big, .input_n = BIG },
				 &o),
		  0);
	CHECK_INT(o.exit.status, 4);
	CHECK_STR(o.out, "");
	CHECK_STR(o.err, "");
	free(o.out);
	free(o.err);
	free(big);
}

TEST_IN_REAL_LOOP(a_failed_run_leaves_nothing_to_free)
{
	struct hk_process_output o;

	CHECK_INT(hk_process_run(ARGV("hocket-no-such-program"), NULL, &o), -ENOENT);
	CHECK(!o.out && !o.err);
}

TEST_IN_REAL_LOOP(a_cancelled_run_leaves_nothing_running)
{
	struct hk_process_output o;
	struct hk_scope s;

	hk_scope_open(&s, 50 * HK_MS);
	CHECK_INT(hk_scope_close(&s, hk_process_run(SH("sleep 1000 & yes; wait"), NULL, &o)),
		  -ETIMEDOUT);
	CHECK(!o.out && !o.err);
}

/* ---- what a child leaves behind ------------------------------------------------------------ */

static int64_t elapsed_ns(int64_t since)
{
	return hk_now_exact_ns() - since;
}

/* Starts it and waits for its first line: a number. */
static pid_t start_talking(struct hk_process *p, const char *script, int64_t grace_ns)
{
	char line[32];
	ssize_t n;

	CHECK_INT(hk_process_start(p, SH(script), OPTIONS(.out = PIPE, .grace_ns = grace_ns)), 0);
	n = hk_read(p->out, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	return (pid_t)strtoll(line, NULL, 10);
}

TEST_IN_REAL_LOOP(a_late_writer_is_not_cut_off)
{
	CHECK_TEXT(SH("(sleep 0.2; echo late) & echo early"), NULL, "early\nlate\n");
}

TEST_IN_REAL_LOOP(a_forgotten_one_is_killed_after_the_grace)
{
	int64_t before = hk_now_exact_ns();
	char *text = text_of(SH("sleep 1000 & echo $!"), OPTIONS(.grace_ns = 100 * HK_MS));
	pid_t left = (pid_t)strtoll(text, NULL, 10);

	CHECK(left > 1 && is_gone(left));
	CHECK(elapsed_ns(before) >= 100 * HK_MS && elapsed_ns(before) < 60 * HK_SEC);
	free(text);
}

/* Looking for it needs two: the folder of all processes and one process. */
TEST_IN_REAL_LOOP(a_forgotten_one_is_found_with_one_descriptor)
{
	struct rlimit former, few;
	struct hk_process p;
	int taken[64], n = 0, fd;
	pid_t left = start_talking(&p, "sleep 1000 & echo $!", 100 * HK_MS);

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &former), 0);
	few = (struct rlimit){ ARRAY_SIZE(taken), former.rlim_max };
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((fd = dup(p.out)) >= 0)
		taken[n++] = fd;
	CHECK_INT(hk_process_wait(&p, NULL), 0); /* which has the child's own descriptor to spare */
	while (n > 0)
		CHECK_INT(close(taken[--n]), 0);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &former), 0);
	CHECK(left > 1 && is_gone(left));
	(void)kill(left, SIGKILL);
	hk_process_stop(&p, NULL);
}

TEST_IN_REAL_LOOP(one_that_left_the_group_cannot_hold_a_run)
{
	struct hk_process_output o;
	struct hk_process_run_options options = { .process.grace_ns = 100 * HK_MS };
	int64_t before = hk_now_exact_ns();

	CHECK_INT(hk_process_run(SH("setsid sleep 30 & echo $!"), &options, &o), 0);
	CHECK(elapsed_ns(before) < 29 * HK_SEC);
	CHECK(o.out_cut && o.err_cut);
	(void)kill((pid_t)strtoll(o.out, NULL, 10), SIGKILL);
	free(o.out);
	free(o.err);
}

/* ---- stopping ------------------------------------------------------------------------------ */

TEST_IN_REAL_LOOP(stop_asks_first)
{
	struct hk_process p;
	struct hk_exit e;

	CHECK_INT(start_talking(&p, "trap 'exit 9' TERM; echo 1; while :; do sleep 0.01; done", 0),
		  1);
	hk_process_stop(&p, &e);
	CHECK_INT(e.status, 9);
}

TEST_IN_REAL_LOOP(stop_kills_who_does_not_listen)
{
	struct hk_process p;
	struct hk_exit e;
	int64_t before;
	pid_t grandchild =
		start_talking(&p, "trap '' TERM; sleep 1000 & echo $!; wait", 50 * HK_MS);

	before = hk_now_exact_ns();
	CHECK(!is_gone(grandchild));
	hk_process_stop(&p, &e);
	CHECK_INT(e.signal, SIGKILL);
	CHECK(elapsed_ns(before) >= 50 * HK_MS);
	CHECK(is_gone(grandchild));
	CHECK_INT(p.out, -1);
}

TEST_IN_REAL_LOOP(stop_reaches_grandchildren_and_the_stopped)
{
	struct hk_process p;
	struct hk_exit e;
	pid_t grandchild = start_talking(&p, "sleep 1000 & echo $!; wait", 0);

	CHECK_INT(hk_process_kill(&p, SIGSTOP), 0);
	hk_process_stop(&p, &e);
	CHECK_INT(e.signal, SIGTERM);
	CHECK(grandchild > 1 && is_gone(grandchild));
}

TEST_IN_REAL_LOOP(stop_waits_also_when_cancelled)
{
	struct hk_process p;
	struct hk_exit e;
	struct hk_scope s;

	CHECK_INT(start_talking(
			  &p, "trap 'sleep 0.1; exit 6' TERM; echo 1; while :; do sleep 0.01; done",
			  0),
		  1);
	hk_scope_open(&s, HK_FOREVER);
	hk_scope_cancel(&s);
	hk_process_stop(&p, &e);
	CHECK_INT(hk_scope_close(&s, 0), 0);
	CHECK_INT(e.status, 6);
}

/* ---- many ---------------------------------------------------------------------------------- */

static int run_one(void *arg)
{
	int *n = arg;
	char number[16];
	struct hk_process_output o;
	int r;

	(void)snprintf(number, sizeof(number), "%d", *n);
	r = hk_process_run(
		ARGV("cat"),
		&(struct hk_process_run_options){ .input = number, .input_n = strlen(number) }, &o);
	if (r < 0)
		return r;
	r = strcmp(o.out, number) == 0 && o.exit.status == 0 ? 0 : -EILSEQ;
	free(o.out);
	free(o.err);
	return r;
}

TEST_IN_REAL_LOOP(two_hundred_at_once)
{
	int numbers[200];

	for (int i = 0; i < 200; i++)
		numbers[i] = i;
	CHECK_INT(hk_gather(run_one, numbers, 200, sizeof(numbers[0]), NULL), 0);
}

/* More than the guardian's first page of slots, and slots that are used again. */
TEST_IN_REAL_LOOP(more_than_a_page_of_children)
{
	static struct hk_process p[400];

	for (size_t i = 0; i < 400; i++)
		CHECK_INT(hk_process_start(&p[i], ARGV("sleep", "1000"), NULL), 0);
	for (size_t i = 0; i < 400; i += 2)
		hk_process_stop(&p[i], NULL);
	for (size_t i = 0; i < 400; i += 2)
		CHECK_INT(hk_process_start(&p[i], ARGV("true"), NULL), 0);
	for (size_t i = 0; i < 400; i++)
		hk_process_stop(&p[i], NULL);
}

/* ---- the terminal, the simulation ---------------------------------------------------------- */

static int talk_on_the_terminal(void *arg)
{
	const struct hk_process_stdio ours = { HK_STDIO_INHERIT, 0 };
	struct hk_process p;
	struct hk_exit e;

	(void)arg;
	if (hk_process_start(&p, SH("read line; echo got-$line; exit 5"),
			     OPTIONS(.in = ours, .out = ours, .err = ours)) < 0 ||
	    getpgid(p.pid) != getpgid(0) || hk_process_wait(&p, &e) < 0)
		return 1;
	if (hk_process_start(&p, ARGV("sleep", "1000"), OPTIONS(.in = ours)) < 0)
		return 2;
	hk_process_stop(&p, NULL); /* the child alone: the group is ours */
	return e.status;
}

TEST(who_reads_our_terminal_stays_in_our_group)
{
	char seen[256] = "";
	size_t n = 0;
	ssize_t got = 1;
	int terminal, status;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid == 0)
		_exit(hk_run(talk_on_the_terminal, NULL, NULL));
	CHECK_INT(write(terminal, "hello\n", 6), 6);
	while (n < sizeof(seen) - 1 && got > 0) {
		got = read(terminal, seen + n, sizeof(seen) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	CHECK(strstr(seen, "got-hello"));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK_INT(close(terminal), 0);
}

static int start_in_simulation(void *arg)
{
	struct hk_process p;

	(void)arg;
	CHECK_INT(hk_process_start(&p, ARGV("true"), NULL), -ENOSYS);
	hk_process_stop(&p, NULL);
	return 0;
}

static void keep_refusal(enum hk_report kind, const char *text, void *arg)
{
	CHECK_INT(kind, HK_REPORT_REFUSED);
	(void)snprintf(arg, 256, "%s", text);
}

TEST(a_simulation_starts_nothing)
{
	char text[256] = "";
	struct hk_run_options o = { .report = keep_refusal, .report_arg = text };

	CHECK_INT(hk_sim(start_in_simulation, NULL, &(struct hk_sim_options){ .run = &o }), 0);
	CHECK(strstr(text, "child processes cannot be simulated (\"true\", task \"main\"): replace "
			   "this call when hk_sim_running()\n"));
}

static const struct test tests[] = {
	T(it_tells_the_exit_status),
	T(it_tells_the_signal),
	T(it_is_waited_for_once),
	T(one_task_waits_and_another_may_stop_it),
	T(a_stolen_end_is_told),
	T(waiting_is_cut_short_and_the_child_still_runs),
	T(what_cannot_be_run_fails_at_once),
	T(without_descriptors_it_fails_cleanly),
	T(the_path_is_searched_in_order),
	T(environment_and_folder_are_as_told),
	T(arguments_are_not_seen_by_a_shell),
	T(memory_is_limited),
	T(signals_are_as_after_login),
	T(it_leads_a_group_of_its_own),
	T(the_three_streams_go_where_they_are_told),
	T(null_is_the_default),
	T(kept_descriptors_are_renumbered),
	T(nothing_else_is_inherited),
	T(an_inherited_stream_that_is_closed_is_null),
	T(much_goes_both_ways_at_once),
	T(output_is_cut_at_the_ceiling),
	T(a_child_that_does_not_read_is_no_failure),
	T(a_failed_run_leaves_nothing_to_free),
	T(a_cancelled_run_leaves_nothing_running),
	T(a_late_writer_is_not_cut_off),
	T(a_forgotten_one_is_killed_after_the_grace),
	T(a_forgotten_one_is_found_with_one_descriptor),
	T(one_that_left_the_group_cannot_hold_a_run),
	T(stop_asks_first),
	T(stop_kills_who_does_not_listen),
	T(stop_reaches_grandchildren_and_the_stopped),
	T(stop_waits_also_when_cancelled),
	T(two_hundred_at_once),
	T(more_than_a_page_of_children),
	T(who_reads_our_terminal_stays_in_our_group),
	T(a_simulation_starts_nothing),
};

int main(void)
{
	return RUN_TESTS(tests);
}
