/* csv.c - fuzz target: any bytes are rows of any dialect, or are told to be none
 *
 * What must hold, for every input; its first byte chooses the dialect:
 *  (1) a row ends within the text, and the next one begins behind it: reading comes to an end.
 *  (2) what was not whole asks for more: no beginning of a row gives another row than the whole of it.
 *  (3) the quick way for lines without quotes gives what the scanner gives: it is not taken when the line end is missing.
 *  (4) fields that are written as CSV read back. */
#include "base/banned.h"
#include "connectors/files/csv.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

static const struct csv_dialect dialects[] = {
	{ ',', '"' },
	{ ';', '\'' },
	{ '\t', 0 },
	{ ',', '"', .escape = '\\' },
	{ ',', 0, .escape = '\\' },
	{ ',', '"', .trim = true },
	{ '\t', '"', .escape = '\\', .trim = true },
	{ ',', '"', .cr = true },
};

static void check_same(const struct csv_row *a, const struct csv_row *b)
{
	ASSERT(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		ASSERT(slice_eq(a->fields[i], b->fields[i]) && a->flags[i] == b->flags[i]);
}

static void check_scanner(const struct csv_dialect *d, struct slice text, const struct csv_row *row)
{
	AUTO(csv_row_done) struct csv_row again = { 0 };
	struct csv_end end;
	if (d->escape && text.n > 1 && text.p[text.n - 2] == d->escape)
		return; /* what looks like its line end may be text */
	if (text.n && text.p[text.n - 1] == (d->cr ? '\r' : '\n'))
		text.n--;
	ASSERT(csv_parse(d, text, true, &again, &end) == CSV_ROW);
	check_same(row, &again);
}

static void check_beginnings(const struct csv_dialect *d, struct slice text,
			     const struct csv_row *row)
{
	AUTO(csv_row_done) struct csv_row part = { 0 };
	struct csv_end end;
	size_t step = text.n / 16 + 1;
	for (size_t i = 0; i < text.n; i += step) {
		enum csv_result r = csv_parse(d, slice_head(text, i), false, &part, &end);
		ASSERT(r == CSV_MORE);
	}
	if (csv_parse(d, text, false, &part, &end) == CSV_ROW)
		check_same(row, &part);
}

static void check_written(const struct csv_row *row)
{
	AUTO(csv_row_done) struct csv_row again = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	struct csv_end end;
	for (size_t i = 0; i < row->n; i++) {
		ASSERT(i == 0 || buf_add_char(&text, ',') == 0);
		ASSERT(csv_put(&dialects[0], row->fields[i], &text) == 0);
	}
	ASSERT(buf_add_char(&text, '\n') == 0);
	ASSERT(csv_parse(&dialects[0], buf_slice(&text), false, &again, &end) == CSV_ROW);
	ASSERT(end.used == text.n && again.n == row->n);
	for (size_t i = 0; i < row->n; i++)
		ASSERT(slice_eq(row->fields[i], again.fields[i]));
}

static size_t read_row(const struct csv_dialect *d, struct slice text, struct csv_row *row)
{
	struct csv_end end = { 0 };
	enum csv_result r = csv_parse(d, text, true, row, &end);
	if (r != CSV_ROW) {
		ASSERT(r == CSV_STRAY || r == CSV_UNENDED);
		const char *nl = memchr(text.p, d->cr ? '\r' : '\n', text.n);
		return nl ? (size_t)(nl - text.p) + 1 : text.n;
	}
	ASSERT(end.used > 0 && end.used <= text.n && row->n > 0);
	text = slice_head(text, end.used);
	check_scanner(d, text, row);
	check_beginnings(d, text, row);
	check_written(row);
	return end.used;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	AUTO(csv_row_done) struct csv_row row = { 0 };
	struct slice text = { (const char *)bytes, n };
	if (n == 0 || n > 4096)
		return 0;
	const struct csv_dialect *d = &dialects[bytes[0] % ARRAY_SIZE(dialects)];
	text = slice_from(text, 1);
	while (text.n)
		text = slice_from(text, read_row(d, text, &row));
	return 0;
}
