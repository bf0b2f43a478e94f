/* from_stdin.c - tests of standard input as a source: a pipe, a file, three formats */
#include "fake_engine.h"
#include "base/banned.h"
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct reading {
	const char *options[2];
	struct intake in;
	struct err err;
	int result;
};

static void read_it(void *arg)
{
	struct reading *r = arg;
	struct fake_site f;
	fake_site_open(&f, &from_stdin, r->options[0], r->options[1], NULL);
	CHECK_INT(f.mistakes, 0);
	CHECK_INT(f.facts.restart, RESTART_LOSES);
	r->result = from_stdin.open(&f.site, &r->err);
	if (r->result == 0)
		r->result = from_stdin.run(&f.site, &r->in, &r->err);
	fake_site_done(&f, &from_stdin);
}

static void with_stdin(int fd, struct reading *r)
{
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	CHECK_INT(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	in_loop(read_it, r);
	if (saved < 0)
		return;
	CHECK_INT(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}

struct feeder {
	int fd;
	struct slice text;
};

/* The other end of the pipe, which the loop must not be. */
static void *feed(void *arg)
{
	struct feeder *f = arg;
	while (f->text.n) {
		ssize_t n = write(f->fd, f->text.p, f->text.n);
		if (n < 0)
			break;
		f->text = slice_from(f->text, (size_t)n);
	}
	close(f->fd);
	return NULL;
}

static void read_pipe(struct reading *r, struct slice text)
{
	int ends[2];
	pthread_t thread;
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	struct feeder feeder = { ends[1], text };
	CHECK_INT(pthread_create(&thread, NULL, feed, &feeder), 0);
	with_stdin(ends[0], r);
	CHECK_INT(pthread_join(thread, NULL), 0);
}

TEST(json_lines_by_default)
{
	struct reading r = { 0 };
	read_pipe(&r, S("{\"a\":1}\n\n{\"a\":2}"));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 2);
	CHECK_STR(r.in.v[1].json, "{\"a\":2}");
	CHECK_INT(r.in.v[1].line, 3);
	CHECK_STR(r.in.v[1].base, "");
	intake_done(&r.in);
}

TEST(lines_and_csv_by_name)
{
	struct reading lines = { .options = { "stdin=lines" } },
		       csv = { .options = { "stdin=csv", "delimiter=;" } };
	read_pipe(&lines, S("a\nb"));
	CHECK_INT(lines.in.n, 2);
	CHECK_STR(lines.in.v[1].json, "{\"line\":\"b\",\"n\":2}");
	intake_done(&lines.in);
	read_pipe(&csv, S("a;b\n1;\"x\ny\"\n"));
	CHECK_INT(csv.in.n, 1);
	CHECK_STR(csv.in.v[0].json, "{\"a\":\"1\",\"b\":\"x\\ny\"}");
	intake_done(&csv.in);
}

TEST(more_than_a_pipe_holds_arrives)
{
	struct reading r = { .in.count_only = true };
	AUTO(buf_done) struct buf text = { 0 };
	for (int i = 0; i < 50000; i++)
		CHECK_INT(buf_printf(&text, "{\"id\":%d,\"text\":\"some more of it\"}\n", i), 0);
	read_pipe(&r, buf_slice(&text));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 50000);
	CHECK_INT(r.in.bytes, text.n - 50000);
	intake_done(&r.in);
}

TEST(a_file_is_read_from_where_it_stands)
{
	struct folder folder;
	struct reading r = { 0 };
	folder_make(&folder);
	const char *path = folder_file(&folder, "in");
	file_write(path, S("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_INT(lseek(fd, 8, SEEK_SET), 8);
	with_stdin(fd, &r);
	CHECK_INT(r.in.n, 2);
	CHECK_STR(r.in.v[0].json, "{\"a\":2}");
	intake_done(&r.in);
	folder_remove(&folder);
}

TEST(nothing_at_all)
{
	struct reading r = { 0 };
	read_pipe(&r, S(""));
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	with_stdin(open("/dev/null", O_RDONLY | O_CLOEXEC), &r);
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	intake_done(&r.in);
}

static const struct test tests[] = {
	T(json_lines_by_default),
	T(lines_and_csv_by_name),
	T(more_than_a_pipe_holds_arrives),
	T(a_file_is_read_from_where_it_stands),
	T(nothing_at_all),
};

int main(void)
{
	return RUN_TESTS(tests);
}
