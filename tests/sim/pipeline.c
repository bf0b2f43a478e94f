/* pipeline.c - the YAML file and the input of a world
 *
 * What this room is for: what was drawn, written as a user would write it. Nothing is set in structures: the text goes through the
 *   real planner, with the real connectors.
 * What must hold:        what the steps do here in jq, expect.c does in C. */
#include "base/json.h"
#include "world.h"
#include <fcntl.h>
#include <unistd.h>

enum { BAD_EVERY = 23 };

#define PUT(...) CHECK_INT(buf_printf(out, __VA_ARGS__), 0)

/* ---- the file ---- */
static void put_source(const struct world *w, struct buf *out)
{
	if (w->source == FROM_JSONL)
		PUT("from: {jsonl: in.jsonl}\n");
	else if (w->source == FROM_CSV)
		PUT("from: {csv: in.csv, types: {n: int, c: int, a: int}}\n");
	else
		PUT("from:\n  http: http://10.0.0.1/pages/0\n  each: .items[]\n"
		    "  pages: {next: .next}\n  retry: 100\n"
		    "  timeout: {connect: 5s, first_byte: 5s, idle: 5s}\n");
}

static void put_call(const struct drawn_step *s, size_t at, struct buf *out)
{
	bool post = s->kind == POST_KEYED || s->kind == POST_ONCE;
	PUT("  - http: %shttp://10.0.0.1/s/%zu/\\(.n)/\\(.c)\n", post ? "POST " : "", at);
	if (post)
		PUT("    body: {n: \\(.n), c: \\(.c)}\n");
	if (s->kind == POST_KEYED)
		PUT("    idempotency_key: auto\n");
	if (s->kind == REMEMBERED)
		PUT("    remember: 30d\n");
	if (s->rate_per_s)
		PUT("    rate: %lld/s\n", (long long)s->rate_per_s);
	PUT("    concurrency: %lld\n    queue: %lld\n", (long long)s->concurrency,
	    (long long)s->queue);
	PUT("    retry: {times: 100, within: 12h}\n    timeout: 10s\n");
	if (s->kind == GET_EMIT)
		PUT("    emit: '$res.body.kids[] as $k | {n, c: $k, a: (.a + $res.body.v), "
		    "p: $res.body.p}'\n");
	else
		PUT("    into: .r\n  - map: '{n, c, a: (.a + .r.v), p: .r.p}'\n");
}

static void put_step(const struct drawn_step *s, size_t at, struct buf *out)
{
	if (step_calls(s->kind))
		put_call(s, at, out);
	else if (s->kind == SORT)
		PUT("  - sort: '[.n, .c]'\n    window: %lld\n", (long long)s->queue);
	else if (s->kind == BATCH)
		PUT("  - batch: %lld\n  - emit: '.items[]'\n", (long long)s->concurrency);
	else if (s->kind == WHERE)
		PUT("  - where: '(.n * 7 + .c * 3 + %zu) %% 5 != 0'\n", at);
	else
		PUT("  - emit: 'range((.n * 3 + .c + %zu) %% 4) as $i | {n, c: (.c * 5 + $i + 1), "
		    "a, p}'\n",
		    at);
}

static void put_sink(const struct drawn_sink *k, size_t at, struct buf *out)
{
	static const char *const verbs[] = { "jsonl", "csv", "sqlite" };
	static const char *const ends[] = { "jsonl", "csv", "db, table: t" };
	PUT("  - {%s: out%zu.%s, commit: {rows: %lld, every: %lldms}%s}\n", verbs[k->kind], at,
	    ends[k->kind], (long long)k->rows, (long long)k->every_ms,
	    k->half ? ", if: '.n % 2 == 0'" : "");
}

void pipeline_put(const struct world *w, struct buf *out)
{
	PUT("name: world\norder: %s\n", w->any_order ? "any" : "input");
	put_source(w, out);
	PUT("steps:\n");
	for (size_t i = 0; i < w->step_count; i++)
		put_step(&w->steps[i], i, out);
	PUT("to:\n");
	for (size_t i = 0; i < w->sink_count; i++)
		put_sink(&w->sinks[i], i, out);
	PUT("dead: dead.jsonl\n");
}

/* ---- the input ---- */
static bool bad_after(const struct world *w, int64_t n)
{
	return w->bad_lines && w->source == FROM_JSONL && n % BAD_EVERY == BAD_EVERY - 1;
}

int64_t pipeline_bad_lines(const struct world *w)
{
	int64_t bad = 0;
	for (int64_t n = 0; n < w->records; n++)
		bad += bad_after(w, n);
	return bad;
}

static void put_record(const struct world *w, int64_t n, struct buf *out)
{
	if (w->source == FROM_CSV)
		PUT("%lld,0,0,x\n", (long long)n);
	else
		PUT("{\"n\":%lld,\"c\":0,\"a\":0,\"p\":\"x\"}\n", (long long)n);
	if (bad_after(w, n))
		PUT("this is no record\n");
}

void pipeline_write_input(const struct world *w)
{
	AUTO(buf_done) struct buf text = { 0 };
	char path[PATH_BYTES + 16];
	struct buf *out = &text;
	if (w->source == FROM_PAGES)
		return;
	if (w->source == FROM_CSV)
		PUT("n,c,a,p\n");
	for (int64_t n = 0; n < w->records; n++)
		put_record(w, n, out);
	snprintf(path, sizeof path, "%s/in.%s", w->folder, w->source == FROM_CSV ? "csv" : "jsonl");
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
	close(fd);
}
