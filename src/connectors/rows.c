/* rows.c - CSV rows out of a window of bytes, admitted one by one
 *
 * What this room is for: header to columns, row to record, and what is said about rows that do not fit.
 * What flows through:    rows of the input's window (csv.h); records {column: value}, copied.
 * What must hold:
 *  (1) a row with another number of fields than the header is a fault, never guessed at.
 *  (2) a quote that is closed in the wrong place or never costs one line: reading goes on behind the line on which it was
 *      opened, so that one stray character cannot swallow the rest of the file.
 *  (3) `line` is the last line of a row: the next row's count begins there, also after a resume. Messages name the first. */
#include "connectors/rows.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/csv.h"
#include "connectors/lines.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (256u << 20) /* a row's JSON: escapes make up to six bytes of one */

struct column {
	struct buf name; /* as in the header */
	struct buf key;  /* as in the record: "name": */
	enum cell_type type;
};
struct reader {
	const struct rows *job;
	struct split *split;
	struct csv_dialect dialect;
	struct csv_row row;
	struct csv_end end;
	struct column *columns;
	size_t n;
	uint64_t line; /* the last line that was read */
	struct buf text;
};

/* ---- options --------------------------------------------------------------------------------- */

static bool header_in_file(const struct rows_options *o)
{
	const char *const *names = o->header.v;
	return o->header.n == 0 || (o->header.n == 1 && slice_eq_str(S("true"), names[0]));
}

static char quote_of(const char *option)
{
	return !option ? '"' : slice_eq_str(S("none"), option) ? 0 : option[0];
}

static void check_header(const struct rows_options *o, struct diag *diag)
{
	const char *const *names = o->header.v;
	if (header_in_file(o))
		return;
	if (o->header.n == 1 && slice_eq_str(S("false"), names[0]))
		diag_error(diag, "header",
			   "without a header row the columns need names: `header: [id, name]`");
	for (size_t i = 0; i < o->header.n; i++) {
		if (!names[i][0])
			diag_error(diag, "header", "a column needs a name");
		for (size_t k = 0; k < i; k++)
			if (slice_eq_str(slice_str(names[i]), names[k]))
				diag_error(diag, "header", "'%s' is named twice", names[i]);
	}
}

void rows_check(const struct rows_options *o, struct diag *diag)
{
	char delimiter = csv_delimiter(o->delimiter), quote = quote_of(o->quote);
	if (delimiter == 0)
		diag_error(diag, "delimiter", "'%s' is not one plain character; `tab` is a tab",
			   o->delimiter);
	bool one = !o->quote || slice_eq_str(S("none"), o->quote) || (o->quote[0] && !o->quote[1]);
	if (!one || quote == '\n' || quote == '\r' || (quote && quote == delimiter))
		diag_error(diag, "quote",
			   "'%s' is not one character, other than the delimiter; or `none`",
			   o->quote);
	check_header(o, diag);
}

/* ---- columns --------------------------------------------------------------------------------- */

static void reader_done(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		buf_done(&r->columns[i].name);
		buf_done(&r->columns[i].key);
	}
	free(r->columns);
	csv_row_done(&r->row);
	buf_done(&r->text);
}

static int add_column(struct reader *r, struct slice name, struct err *err)
{
	const char *file = input_shown(r->job->input);
	if (name.n == 0)
		return fail(err, FAULT_CONFIG,
			    "column %zu of '%s' has no name in the header; name all columns with "
			    "`header`",
			    r->n + 1, file);
	if (!utf8_valid(name))
		return fail(
			err, FAULT_CONFIG,
			"the header of '%s' is not UTF-8; convert the file first (iconv -t utf-8)",
			file);
	for (size_t i = 0; i < r->n; i++)
		if (slice_eq(buf_slice(&r->columns[i].name), name))
			return fail(err, FAULT_CONFIG,
				    "two columns of '%s' are called '%.*s'; name all columns with "
				    "`header`",
				    file, SLICE(name));
	r->columns = xrealloc(r->columns, r->n + 1, sizeof(*r->columns));
	struct column *c = &r->columns[r->n++];
	*c = (struct column){ .type = r->job->options->infer ? CELL_INFER : CELL_STRING };
	int done = buf_add(&c->name, name);
	done = done < 0 ? done : json_quote(name, &c->key);
	done = done < 0 ? done : buf_add_char(&c->key, ':');
	return done < 0 ? fail_errno(err, FAULT_IO, done, "cannot hold the header of '%s'", file)
			: 0;
}

static int set_types(struct reader *r, struct err *err)
{
	const struct opt_map *types = &r->job->options->types;
	const int *kinds = types->v;
	for (size_t i = 0; i < types->n; i++) {
		size_t k = 0;
		while (k < r->n && !slice_eq_str(buf_slice(&r->columns[k].name), types->keys[i]))
			k++;
		if (k == r->n)
			return fail(err, FAULT_CONFIG,
				    "`types` names the column '%s', which '%s' does not have",
				    types->keys[i], input_shown(r->job->input));
		r->columns[k].type = (enum cell_type)kinds[i];
	}
	return 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

enum next { NEXT_END, NEXT_ROW, NEXT_STRAY, NEXT_UNENDED, NEXT_LONG, NEXT_FAILED };

/* The row at the window's beginning; its bytes are not skipped yet. */
static enum next next_row(struct reader *r, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	for (;;) {
		struct slice rest = input_peek(in);
		if (rest.n == 0 && in->ended)
			return NEXT_END;
		enum csv_result found = CSV_MORE;
		if (rest.n)
			found = csv_parse(&r->dialect, rest, in->ended, &r->row, &r->end);
		if (found == CSV_MEMORY) {
			fail(err, FAULT_IO, "out of memory for a row of '%s'", input_shown(in));
			return NEXT_FAILED;
		}
		if (found == CSV_STRAY)
			return NEXT_STRAY;
		if (rest.n > r->job->max_line &&
		    (found != CSV_ROW || r->end.used > r->job->max_line))
			return NEXT_LONG;
		if (found != CSV_MORE)
			return found == CSV_ROW ? NEXT_ROW : NEXT_UNENDED;
		if (input_more(in, r->job->max_line + 2 * INPUT_BLOCK, err) < 0)
			return NEXT_FAILED;
	}
}

static struct slice row_text(const struct reader *r)
{
	struct slice text = slice_head(input_peek(r->job->input), r->end.used);
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	return text;
}

static int admit_here(struct reader *r, struct rec *rec, const struct err *fault,
		      struct err *err) SUSPENDS
{
	return admit(r->job->intake,
		     &(struct arrival){
			     .rec = rec,
			     .split = r->split,
			     .next = input_position(r->job->input),
			     .line = r->line,
			     .fault = fault,
		     },
		     err);
}

static void skip_row(struct reader *r)
{
	struct slice rest = input_peek(r->job->input);
	bool open_end = r->end.used == rest.n && rest.p[rest.n - 1] != '\n';
	r->line += r->end.lines + open_end;
	input_skip(r->job->input, r->end.used);
}

static int admit_row(struct reader *r, struct rec *rec, const struct err *fault,
		     struct err *err) SUSPENDS
{
	skip_row(r);
	return admit_here(r, rec, fault, err);
}

static int admit_evidence(struct reader *r, const struct err *fault, struct err *err) SUSPENDS
{
	return admit_row(r, lines_evidence(row_text(r)), fault, err);
}

/* "users.csv:7: ...", 7 being the row's first line. Returns -1. */
static int fail_row(const struct reader *r, struct err *why, enum fault fault, const char *fmt, ...)
	PRINTF(4, 5);
static int fail_row(const struct reader *r, struct err *why, enum fault fault, const char *fmt, ...)
{
	char text[sizeof(why->text)];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ASSERT(n > 0);
	return fail(why, fault, "%s:%" PRIu64 ": %s", r->job->name, r->line + 1, text);
}

static int fail_cell(const struct reader *r, size_t i, struct err *why)
{
	static const char *const wanted[] = { "a string", "an int",     "a float",
					      "a bool",   "valid JSON", "a value" };
	const struct column *c = &r->columns[i];
	return fail_row(r, why, FAULT_BAD_VALUE, "column '%s' holds '%.*s', which is not %s",
			c->name.p, SLICE(utf8_head(r->row.fields[i], 80)), wanted[c->type]);
}

/* The record into r->text. strings: types do not count. */
static int put_record(struct reader *r, bool strings, struct err *why)
{
	buf_clear(&r->text);
	int done = buf_add_char(&r->text, '{');
	for (size_t i = 0; i < r->n && done == 0; i++) {
		const struct column *c = &r->columns[i];
		enum cell_type type = strings ? CELL_STRING : c->type;
		done = i ? buf_add_char(&r->text, ',') : 0;
		done = done < 0 ? done : buf_add(&r->text, buf_slice(&c->key));
		done = done < 0 ? done : cell_put(type, r->row.fields[i], &r->text);
		if (done == -EBADMSG)
			return fail_cell(r, i, why);
	}
	done = done < 0 ? done : buf_add_char(&r->text, '}');
	if (done < 0)
		return fail_row(r, why, FAULT_TOO_LARGE, "the row does not fit into a record");
	return 0;
}

static int give_row(struct reader *r, struct err *err) SUSPENDS
{
	struct err why = { 0 }, unused;
	if (r->row.n != r->n) {
		fail_row(r, &why, FAULT_BAD_VALUE, "%zu field%s, but the header has %zu", r->row.n,
			 r->row.n == 1 ? "" : "s", r->n);
		return admit_evidence(r, &why, err);
	}
	if (!utf8_valid(row_text(r))) {
		fail_row(r, &why, FAULT_BAD_VALUE,
			 "not UTF-8; convert the file first (iconv -t utf-8)");
		return admit_evidence(r, &why, err);
	}
	if (put_record(r, false, &why) == 0)
		return admit_row(r, rec_new(buf_slice(&r->text)), NULL, err);
	if (put_record(r, true, &unused) < 0)
		return admit_evidence(r, &why, err);
	return admit_row(r, rec_new(buf_slice(&r->text)), &why, err);
}

static bool blank_line(const struct reader *r)
{
	const char first = input_peek(r->job->input).p[0];
	return r->row.n == 1 && r->row.fields[0].n == 0 && (first == '\n' || first == '\r');
}

/* Costs one line, whether it is too long or opens a quote that ends wrongly or never. */
static int give_line(struct reader *r, const struct err *why, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	struct slice rest = input_peek(in);
	const char *end = memchr(rest.p, '\n', rest.n);
	struct rec *evidence =
		lines_evidence(end ? slice_head(rest, (size_t)(end - rest.p)) : rest);
	r->line++;
	if (input_skip_line(in, err) < 0) {
		rec_unref(evidence);
		return -1;
	}
	return admit_here(r, evidence, why, err);
}

static int give_bad(struct reader *r, enum next what, struct err *err) SUSPENDS
{
	struct err why = { 0 };
	if (what == NEXT_STRAY)
		fail_row(r, &why, FAULT_BAD_VALUE, "text behind the closing quote of field %zu",
			 r->row.n);
	else if (what == NEXT_UNENDED)
		fail_row(r, &why, FAULT_BAD_VALUE, "the quote of field %zu is never closed",
			 r->row.n + 1);
	else
		fail_row(r, &why, FAULT_TOO_LARGE, "the row is longer than max_line (%zu bytes)",
			 r->job->max_line);
	return give_line(r, &why, err);
}

static int give_all(struct reader *r, struct err *err) SUSPENDS
{
	for (;;) {
		enum next what = next_row(r, err);
		int done = 0;
		if (what == NEXT_END)
			return 0;
		if (what == NEXT_FAILED)
			return -1;
		if (what != NEXT_ROW) {
			done = give_bad(r, what, err);
		} else if (blank_line(r)) {
			input_skip(r->job->input, r->end.used);
			r->line++;
		} else {
			done = give_row(r, err);
		}
		if (done < 0)
			return -1;
	}
}

/* ---- the header ------------------------------------------------------------------------------ */

static int read_header(struct reader *r, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	enum next what = next_row(r, err);
	while (what == NEXT_ROW && blank_line(r)) {
		input_skip(in, r->end.used);
		r->line++;
		what = next_row(r, err);
	}
	if (what == NEXT_END)
		return 0;
	if (what == NEXT_FAILED)
		return -1;
	if (what != NEXT_ROW)
		return fail(err, FAULT_CONFIG,
			    "the first row of '%s' is no CSV header: a quote in it is not closed "
			    "or not at a field's end",
			    input_shown(in));
	for (size_t i = 0; i < r->row.n; i++)
		if (add_column(r, r->row.fields[i], err) < 0)
			return -1;
	input_skip(in, r->end.used);
	r->line += r->end.lines;
	return 0;
}

static int find_columns(struct reader *r, struct err *err) SUSPENDS
{
	const struct rows_options *o = r->job->options;
	const char *const *names = o->header.v;
	struct input *in = r->job->input;
	uint64_t from = input_offset(in);
	if (header_in_file(o)) {
		if (in->path && from)
			input_seek(in, 0);
		if (read_header(r, err) < 0)
			return -1;
		if (in->path && from > input_offset(in))
			input_seek(in, from);
	}
	for (size_t i = 0; !header_in_file(o) && i < o->header.n; i++)
		if (add_column(r, slice_str(names[i]), err) < 0)
			return -1;
	if (r->n == 0)
		return 0; /* an empty file */
	if (split_from(r->split))
		r->line = split_line(r->split);
	return set_types(r, err);
}

int rows_run(const struct rows *job, struct err *err)
{
	AUTO(reader_done)
	struct reader r = { .job = job, .split = intake_split(job->intake, job->name) };
	r.dialect = (struct csv_dialect){ csv_delimiter(job->options->delimiter),
					  quote_of(job->options->quote) };
	r.text.max = TEXT_MAX;
	if (input_begin(job->input, split_from(r.split), err) < 0 || find_columns(&r, err) < 0)
		return -1;
	return r.n ? give_all(&r, err) : 0;
}
