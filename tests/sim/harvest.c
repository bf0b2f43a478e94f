/* harvest.c - what a finished run has left in its sinks
 *
 * What this room is for: rows read back from the files themselves, by other means than hocket's own where there are some.
 * What must hold:        a file that is not there has no rows; a row that cannot be read is a failure. */
#include "base/json.h"
#include "world.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

static void read_file(const struct world *w, const char *name, struct buf *out)
{
	char path[PATH_BYTES + 32];
	snprintf(path, sizeof path, "%s/%s", w->folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : 1;
	while (n > 0) {
		CHECK_INT(buf_reserve(out, 65536), 0);
		n = read(fd, out->p + out->n, 65536);
		CHECK(n >= 0);
		buf_added(out, n > 0 ? (size_t)n : 0);
	}
	if (fd >= 0)
		close(fd);
}

static int64_t number_at(struct slice json, const char *key)
{
	struct slice raw;
	int64_t n = -1;
	CHECK(json_field(json, slice_str(key), &raw) && units_int(raw, &n) == 0);
	return n;
}

static struct row row_of_json(struct slice line)
{
	struct slice p = { "", 0 };
	CHECK(json_field(line, S("p"), &p) && p.n >= 2);
	return (struct row){ number_at(line, "n"), number_at(line, "c"), number_at(line, "a"),
			     p.n - 2 };
}

/* None of our values needs quotes. */
static struct row row_of_csv(struct slice line)
{
	struct slice part[4], rest = line;
	struct row r;
	for (int i = 0; i < 4; i++)
		(void)slice_cut(rest, ',', &part[i], &rest);
	CHECK(units_int(part[0], &r.n) == 0 && units_int(part[1], &r.c) == 0 &&
	      units_int(part[2], &r.a) == 0);
	r.p = slice_trim(part[3]).n;
	return r;
}

static void harvest_lines(const struct world *w, size_t sink, struct rows *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool csv = w->sinks[sink].kind == TO_CSV, head = csv;
	char name[32];
	struct slice line, rest;
	snprintf(name, sizeof name, "out%zu.%s", sink, csv ? "csv" : "jsonl");
	read_file(w, name, &text);
	for (rest = buf_slice(&text); rest.n; head = false) {
		CHECK(slice_cut(rest, '\n', &line, &rest));
		if (!head)
			rows_add(out, csv ? row_of_csv(line) : row_of_json(line));
	}
}

static void harvest_table(const struct world *w, size_t sink, struct rows *out)
{
	char path[PATH_BYTES + 32];
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	snprintf(path, sizeof path, "%s/out%zu.db", w->folder, sink);
	CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	int r = sqlite3_prepare_v2(db, "SELECT n, c, a, length(p) FROM t ORDER BY rowid", -1, &q,
				   NULL);
	/* a table is made with its first row */
	CHECK(r == SQLITE_OK || strstr(sqlite3_errmsg(db), "no such table"));
	while (r == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		rows_add(out, (struct row){ sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
					    sqlite3_column_int64(q, 2),
					    (size_t)sqlite3_column_int64(q, 3) });
	sqlite3_finalize(q);
	CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

void harvest(const struct world *w, size_t sink, struct rows *out)
{
	if (w->sinks[sink].kind == TO_SQLITE)
		harvest_table(w, sink, out);
	else
		harvest_lines(w, sink, out);
}

size_t harvest_letters(const struct world *w)
{
	AUTO(buf_done) struct buf text = { 0 };
	size_t n = 0;
	read_file(w, "dead.jsonl", &text);
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}
