/* to_stdout.c - tests of standard output as a sink, and of null beside it */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Standard output is a pipe (or what fd is) while body runs; then it is what it was. */
static void with_stdout(int fd, void (*body)(void *), void *arg)
{
	fflush(stdout);
	int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	CHECK(saved >= 0);
	CHECK_INT(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	in_loop(body, arg);
	CHECK_INT(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
}

struct writing {
	const char *options[3];
	const char *batches[3];
	struct fake_sink s;
	int results[3];
	struct err err; /* of the last batch that failed */
};

static void write_it(void *arg)
{
	struct writing *w = arg;
	w->s = (struct fake_sink){ .port = &to_stdout };
	fake_site_open(&w->s.at, &to_stdout, w->options[0], w->options[1], w->options[2], NULL);
	sink_start(&w->s, true);
	for (size_t i = 0; i < ARRAY_SIZE(w->batches) && w->batches[i]; i++) {
		sink_commit(&w->s, w->batches[i], NULL);
		w->results[i] = w->s.result;
		if (w->s.result < 0)
			w->err = w->s.err;
	}
	sink_done(&w->s);
}

static void check_output(struct writing *w, const char *want)
{
	char text[2000];
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	with_stdout(ends[1], write_it, w);
	close(ends[1]);
	ssize_t n = read(ends[0], text, sizeof(text));
	close(ends[0]);
	CHECK_SLICE(((struct slice){ text, n > 0 ? (size_t)n : 0 }), slice_str(want));
}

TEST(json_lines_by_default)
{
	struct writing w = { .batches = { "{\"a\":1.10} {\"b\":2}", "{\"c\":3}" } };
	check_output(&w, "{\"a\":1.10}\n{\"b\":2}\n{\"c\":3}\n");
	CHECK_INT(w.s.at.facts.guarantee, APPEND_ONLY);
}

TEST(csv_has_one_header)
{
	struct writing w = { .options = { "stdout=csv" },
			     .batches = { "{\"a\":1,\"b\":\"x,y\"}", "{\"b\":null,\"a\":2}" } };
	check_output(&w, "a,b\n1,\"x,y\"\n2,\n");
}

TEST(fields_are_chosen)
{
	struct writing w = { .options = { "stdout=csv", "fields=b", "delimiter=tab" },
			     .batches = { "{\"a\":1,\"b\":2}" } };
	check_output(&w, "b\n2\n");
}

TEST(a_bad_batch_writes_nothing)
{
	struct writing w = { .options = { "stdout=csv" },
			     .batches = { "{\"a\":1} {\"x\":1}", "{\"a\":1}" } };
	check_output(&w, "a\n1\n");
	CHECK_INT(w.results[0], -1);
	CHECK_INT(w.err.fault, FAULT_BAD_VALUE);
	CHECK(w.err.whole);
	CHECK_INT(w.results[1], 0);
}

TEST(a_reader_that_went_away_ends_it)
{
	struct writing w = { .batches = { "{\"a\":1}" } };
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	with_stdout(ends[1], write_it, &w);
	close(ends[1]);
	CHECK_INT(w.results[0], -1);
	CHECK_INT(w.err.fault, FAULT_IO);
	CHECK_INT(w.err.code, EPIPE);
	CHECK(strstr(w.err.text, "stdout was closed"));
}

TEST(a_full_disk_is_io)
{
	struct writing w = { .batches = { "{\"a\":1}" } };
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	with_stdout(fd, write_it, &w);
	close(fd);
	CHECK_INT(w.err.fault, FAULT_IO);
	CHECK(strstr(w.err.text, "no space left"));
}

static void commit_to_null(void *unused)
{
	struct fake_sink s = { .port = &to_null };
	(void)unused;
	fake_site_open(&s.at, &to_null, NULL);
	CHECK_INT(s.at.facts.effect, EFFECT_NONE);
	sink_start(&s, true);
	sink_commit(&s, "{\"a\":1} {\"b\":2}", NULL);
	CHECK_INT(s.result, 0);
	sink_finish(&s);
	CHECK_INT(s.result, 0);
	sink_done(&s);
}

TEST(null_takes_everything)
{
	in_loop(commit_to_null, NULL);
}

static const struct test tests[] = {
	T(json_lines_by_default),
	T(csv_has_one_header),
	T(fields_are_chosen),
	T(a_bad_batch_writes_nothing),
	T(a_reader_that_went_away_ends_it),
	T(a_full_disk_is_io),
	T(null_takes_everything),
};

int main(void)
{
	return RUN_TESTS(tests);
}
