/* feed_tool.c - prints the records of feeds in files: for comparisons with other readers, and for the bench
 *
 *   feed_tool [-n TIMES] [-c CHARSET] [-u URL] FILE...     a record a line; "# FILE: what was wrong" behind those of a bad feed
 *   with -n: each file is read so often, and only "ENTRIES SECONDS" is printed */
#include "base/banned.h"
#include "base/clock.h"
#include "base/units.h"
#include "connectors/feeds/feed.h"
#include "fake_engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tool {
	struct buf line;
	int64_t times, entries;
	struct feed_options options;
};

static void print(void *arg, struct entry *e, const struct feed_about *about)
{
	struct tool *t = arg;
	uint64_t digest;
	t->entries++;
	buf_clear(&t->line);
	ASSERT(entry_digest(e, false, &digest) == 0);
	ASSERT(entry_put_json(e, about, &t->line) == 0);
	if (t->times == 0)
		puts(t->line.p);
}

static void read_one(struct tool *t, const char *path, struct slice bytes)
{
	AUTO(feed_freep) struct feed *feed = feed_new(&t->options);
	struct err err = { 0 };
	int r = 0;
	while (bytes.n && r == 0) {
		struct slice part = slice_head(bytes, 64 << 10);
		bytes = slice_from(bytes, part.n);
		r = feed_push(feed, part, &err);
	}
	if ((r < 0 || feed_end(feed, &err) < 0) && t->times == 0)
		printf("# %s: %s\n", path, err.text);
}

static void set(struct tool *t, int option)
{
	if (option == 'n')
		ASSERT(units_int(slice_str(optarg), &t->times) == 0);
	else if (option == 'c')
		t->options.charset = slice_str(optarg);
	else
		t->options.url = t->options.found = slice_str(optarg);
}

int main(int argc, char **argv)
{
	struct tool t = { .line.max = 1u << 30 };
	t.options = (struct feed_options){ .url = S("http://feeds.test/feed"),
					   .found = S("http://feeds.test/feed"),
					   .most = 16u << 20,
					   .on_entry = print,
					   .arg = &t };
	for (int option; (option = getopt(argc, argv, "n:c:u:")) != -1;)
		set(&t, option);
	int64_t began = clock_mono_ns();
	for (int i = optind; i < argc; i++) {
		struct buf bytes = file_read(argv[i]);
		ASSERT(bytes.p);
		for (int64_t n = 0; n < (t.times ? t.times : 1); n++)
			read_one(&t, argv[i], buf_slice(&bytes));
		buf_done(&bytes);
	}
	if (t.times)
		printf("%lld %.6f\n", (long long)t.entries,
		       (double)(clock_mono_ns() - began) / 1e9);
	buf_done(&t.line);
	return 0;
}
