/* sql_spool.c - pages of rows into the state's inbox, and out of it again
 *
 * What this room is for: see sql_spool.h.
 * What flows through:    rows as JSON texts; pages as JSON arrays of about a megabyte.
 * What must hold:
 *  (1) a page says how many rows stand in it and in those before it: they have the ordinals up to there, and the state drops it when the
 *      mark has passed them. (2) one page at a time is in memory. */
#include "connectors/sql/sql_spool.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include <errno.h>
#include <inttypes.h>

#define PAGE_BYTES (1u << 20)
#define WHOLE      S("whole")

struct spool {
	struct intake *intake;
	struct split *split;
	struct db_stream *rows;
	struct buf page;
	uint64_t pages, records; /* so far; of the whole result, when it is read */
};

static void spool_done(struct spool *s)
{
	intake_hold(s->intake, 0);
	db_stream_free(s->rows);
	buf_done(&s->page);
}

static int fail_page(int code, struct err *err)
{
	return fail_errno(err, FAULT_IO, code, "a page of rows does not fit into memory");
}

/* ---- in ---------------------------------------------------------------------------------------------------- */

static int keep_page(struct spool *s, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf base = { .max = 64 };
	int r = buf_add_char(&s->page, ']');
	r = r < 0 ? r : buf_printf(&base, "page %" PRIu64, ++s->pages);
	if (r < 0)
		return fail_page(r, err);
	r = intake_keep(s->intake, s->split, buf_slice(&base), s->records, S("{}"),
			buf_slice(&s->page), err);
	buf_clear(&s->page);
	return r;
}

static int keep_whole(struct spool *s, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { .max = 64 };
	int r = buf_printf(&about, "{\"pages\":%" PRIu64 "}", s->pages);
	return r < 0 ? fail_page(r, err)
		     : intake_keep(s->intake, s->split, WHOLE, s->records, buf_slice(&about), S(""),
				   err);
}

static int next_row(struct spool *s, struct err *err) SUSPENDS
{
	size_t at = s->page.n;
	int r = buf_add_char(&s->page, at ? ',' : '[');
	if (r < 0)
		return fail_page(r, err);
	int more = db_stream_next(s->rows, &s->page, err);
	if (more <= 0)
		buf_truncate(&s->page, at);
	return more;
}

static int fill(struct spool *s, struct err *err) SUSPENDS
{
	int more;
	while ((more = next_row(s, err)) > 0) {
		s->records++;
		if (s->page.n < PAGE_BYTES)
			continue;
		intake_hold(s->intake, s->page.cap);
		if (keep_page(s, err) < 0)
			return -1;
	}
	if (more < 0)
		return -1;
	return s->page.n ? keep_page(s, err) : 0;
}

/* ---- out --------------------------------------------------------------------------------------------------- */

static int admit_page(struct spool *s, struct text *base, uint64_t skip, struct err *err) SUSPENDS
{
	struct json_iter it = json_iter(buf_slice(&s->page));
	struct slice key, row;
	uint64_t taken = 0;
	int r = 0;
	while (r == 0 && json_next(&it, &key, &row)) {
		if (taken++ < skip)
			continue;
		r = admit(s->intake,
			  &(struct arrival){ .rec = rec_new(row),
					     .split = s->split,
					     .next = { base, taken },
					     .line = split_line(s->split) + 1 },
			  err);
	}
	return r;
}

static int give_page(struct spool *s, uint64_t number, uint64_t skip, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf base = { .max = 64 }, about = { 0 };
	if (buf_printf(&base, "page %" PRIu64, number) < 0)
		return fail_page(-ENOMEM, err);
	buf_clear(&s->page);
	int found = intake_kept(s->intake, s->split, buf_slice(&base), &about, &s->page, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return fail(err, FAULT_BROKEN, "%.*s of the rows that were kept is gone",
			    SLICE(buf_slice(&base)));
	AUTO(text_unrefp) struct text *shared = text_new(buf_slice(&base));
	intake_hold(s->intake, s->page.cap);
	return admit_page(s, shared, skip, err);
}

/* 1: all of it was kept, so many pages. */
static int find_whole(struct spool *s, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf about = { 0 }, unused = { 0 };
	struct slice text;
	int64_t pages;
	int found = intake_kept(s->intake, s->split, WHOLE, &about, &unused, err);
	if (found <= 0)
		return found;
	if (!json_field(buf_slice(&about), S("pages"), &text) || units_int(text, &pages) < 0)
		return fail(err, FAULT_BROKEN, "the rows that were kept make no sense: %.*s",
			    SLICE(slice_head(buf_slice(&about), 200)));
	s->pages = (uint64_t)pages;
	return 1;
}

static int first_page(const struct spool *s, uint64_t *page, uint64_t *skip, struct err *err)
{
	const struct position *from = split_from(s->split);
	int64_t number = 1;
	struct slice base = from ? text_slice(from->base) : S("page 1");
	if (!slice_starts(base, S("page ")) || units_int(slice_from(base, 5), &number) < 0)
		return fail(err, FAULT_BROKEN, "the position '%.*s' is no page",
			    SLICE(slice_head(base, 200)));
	*page = (uint64_t)number;
	*skip = from ? from->offset : 0;
	return 0;
}

/* The database is let go before the first record is given: nobody waits in a transaction for the pipeline. */
static int keep_all(struct spool *s, const struct sql_spool_rows *from, struct err *err) SUSPENDS
{
	if (from->open(from->arg, &s->rows, err) < 0 || fill(s, err) < 0)
		return -1;
	db_stream_free(take(s->rows));
	return from->close(from->arg, err) < 0 ? -1 : keep_whole(s, err);
}

/* ---- without a state --------------------------------------------------------------------------------------------- */

static int give_row(struct spool *s, struct err *err) SUSPENDS
{
	return admit(s->intake,
		     &(struct arrival){ .rec = rec_take(&s->page),
					.split = s->split,
					.next = { NULL, ++s->records },
					.line = s->records },
		     err);
}

/* Nobody goes on where this run stops: rows need not be kept. But nor can they be read on where a connection was lost. */
static int give_all(struct spool *s, const struct sql_spool_rows *from, struct err *err) SUSPENDS
{
	if (split_from(s->split))
		return fail(
			err, FAULT_IO,
			"the connection was lost in the middle of the rows, and without a state "
			"they cannot be read on; `after` can do without");
	if (from->open(from->arg, &s->rows, err) < 0)
		return -1;
	int more;
	while ((more = db_stream_next(s->rows, &s->page, err)) > 0)
		if (give_row(s, err) < 0)
			return -1;
	db_stream_free(take(s->rows));
	return more < 0 ? -1 : from->close(from->arg, err);
}

int sql_spool_run(const struct site *site, struct intake *intake, const struct sql_spool_rows *from,
		  struct err *err)
{
	AUTO(spool_done)
	struct spool s = { .intake = intake, .split = intake_split(intake, "rows") };
	s.page.max = SIZE_MAX / 2; /* a page and one row: the row's ceiling is the stream's */
	uint64_t page = 1, skip = 0;
	int kept = find_whole(&s, err);
	if (kept == 0 && !site_keeps(site))
		return give_all(&s, from, err);
	if (kept < 0 || first_page(&s, &page, &skip, err) < 0 ||
	    (!kept && keep_all(&s, from, err) < 0))
		return -1;
	for (; page <= s.pages; page++, skip = 0)
		if (give_page(&s, page, skip, err) < 0)
			return -1;
	return 0;
}
