/* rows.c - CSV rows out of a window of bytes, admitted one by one
 *
 * What this room is for: header to columns, row to record, and what is said about rows that do not fit.
 * What flows through:    rows of the input's window (csv.h); records {column: value}, copied.
 * What must hold:
 *  (1) a row with another number of fields than the header is a fault unless the file says what it means, never guessed at.
 *  (2) a quote that is closed in the wrong place or never costs one line: reading goes on behind the line on which it was
 *      opened, so that one stray character cannot swallow the rest of the file.
 *  (3) `line` is the last line of a row: the next row's count begins there, also after a resume. Messages name the first.
 *  (4) bytes are cut into fields before they are decoded: all encodings that are let in have ASCII's delimiters. */
#include "connectors/files/rows.h"
#include "base/banned.h"
#include "base/json.h"
#include "base/utf8.h"
#include "connectors/files/columns.h"
#include "connectors/files/csv.h"
#include "connectors/files/lines.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX (256u << 20) /* a row's JSON: escapes make up to six bytes of one */

enum ragged { RAGGED_DEAD, RAGGED_FILL, RAGGED_REST };
const char *const rows_ragged[] = { "dead", "fill", "rest", NULL };
const char *const rows_line_ends[] = { "lf", "cr", NULL };

struct reader {
	const struct rows *job;
	struct split *split;
	struct csv_dialect dialect;
	char comment; /* 0: there are none */
	char point;
	struct charset *charset;
	struct csv_row row;
	struct csv_end end;
	struct columns columns;
	uint64_t line; /* the last line that was read */
	struct buf text, cell;
};

/* ---- options --------------------------------------------------------------------------------- */

enum header { HEADER_ROW, HEADER_NAMES, HEADER_NONE };
static enum header header_of(const struct rows_options *o)
{
	const char *const *names = o->header.v;
	if (o->header.n == 0 || (o->header.n == 1 && slice_eq_str(S("true"), names[0])))
		return HEADER_ROW;
	return o->header.n == 1 && slice_eq_str(S("false"), names[0]) ? HEADER_NONE : HEADER_NAMES;
}

/* The character, 0 for the word that means none of them, -1 for anything else. */
static int one_char(const char *option, const char *none)
{
	if (!option || slice_eq_str(slice_str(none), option))
		return 0;
	bool plain = option[0] && !option[1] && (unsigned char)option[0] < 128;
	return plain && option[0] != '\n' && option[0] != '\r' ? option[0] : -1;
}

static int quote_of(const struct rows_options *o)
{
	return one_char(o->quote, "none");
}

static int escape_of(const struct rows_options *o)
{
	return one_char(o->escape, "doubled");
}

static void check_header(const struct rows_options *o, struct diag *diag)
{
	const char *const *names = o->header.v;
	if (header_of(o) != HEADER_NAMES)
		return;
	for (size_t i = 0; i < o->header.n; i++) {
		if (!names[i][0])
			diag_error(diag, "header", "a column needs a name");
		for (size_t k = 0; k < i; k++)
			if (slice_eq_str(slice_str(names[i]), names[k]))
				diag_error(diag, "header", "'%s' is named twice", names[i]);
	}
}

static void check_apart(const struct rows_options *o, struct diag *diag)
{
	const int chars[] = { csv_delimiter(o->delimiter), quote_of(o), escape_of(o),
			      one_char(o->comment, "") };
	static const char *const names[] = { "delimiter", "quote", "escape", "comment" };
	for (size_t i = 1; i < ARRAY_SIZE(chars); i++)
		for (size_t k = 0; k < i; k++)
			if (chars[i] > 0 && chars[i] == chars[k])
				diag_error(diag, names[i], "'%c' is the %s already", chars[i],
					   names[k]);
}

void rows_check(const struct rows_options *o, struct diag *diag)
{
	static const char word[] = "'%s' is not one plain character, nor `%s`";
	if (csv_delimiter(o->delimiter) == 0)
		diag_error(diag, "delimiter", "'%s' is not one plain character; `tab` is a tab",
			   o->delimiter);
	if (quote_of(o) < 0)
		diag_error(diag, "quote", word, o->quote, "none");
	if (escape_of(o) < 0)
		diag_error(diag, "escape", word, o->escape, "doubled");
	if (one_char(o->comment, "") < 0)
		diag_error(diag, "comment", "'%s' is not one plain character", o->comment);
	if (!slice_eq_str(S("."), o->decimal) && !slice_eq_str(S(","), o->decimal))
		diag_error(diag, "decimal", "'%s' is neither '.' nor ','", o->decimal);
	check_apart(o, diag);
	check_header(o, diag);
	charset_check(o->encoding, diag);
}

static struct reader make_reader(const struct rows *job)
{
	const struct rows_options *o = job->options;
	return (struct reader){
		.job = job,
		.dialect = { .delimiter = csv_delimiter(o->delimiter),
			     .quote = (char)quote_of(o),
			     .escape = (char)escape_of(o),
			     .cr = o->line_end == 1,
			     .trim = o->trim },
		.comment = (char)one_char(o->comment, ""),
		.point = o->decimal[0],
		.charset = charset_new(o->encoding),
		.text.max = TEXT_MAX,
	};
}

static void reader_done(struct reader *r)
{
	columns_done(&r->columns);
	csv_row_done(&r->row);
	charset_free(r->charset);
	buf_done(&r->text);
	buf_done(&r->cell);
}

/* ---- rows ------------------------------------------------------------------------------------ */

enum next { NEXT_END, NEXT_ROW, NEXT_STRAY, NEXT_UNENDED, NEXT_LONG, NEXT_FAILED };

static int skip_line(struct reader *r, struct err *err) SUSPENDS
{
	r->line++;
	return input_skip_line(r->job->input, err);
}

static enum next judge(const struct reader *r, enum csv_result found, struct slice rest)
{
	if (found == CSV_STRAY)
		return NEXT_STRAY;
	if (rest.n > r->job->max_line && (found != CSV_ROW || r->end.used > r->job->max_line))
		return NEXT_LONG;
	return found == CSV_ROW ? NEXT_ROW : NEXT_UNENDED;
}

/* The row at the window's beginning; its bytes are not skipped yet. Comments before it are. */
static enum next next_row(struct reader *r, struct err *err) SUSPENDS
{
	struct input *in = r->job->input;
	for (;;) {
		struct slice rest = input_peek(in);
		enum csv_result found = CSV_MORE;
		if (rest.n == 0 && in->ended)
			return NEXT_END;
		if (rest.n && r->comment && rest.p[0] == r->comment) {
			if (skip_line(r, err) < 0)
				return NEXT_FAILED;
			continue;
		}
		if (rest.n)
			found = csv_parse(&r->dialect, rest, in->ended, &r->row, &r->end);
		if (found == CSV_MEMORY) {
			fail(err, FAULT_IO, "out of memory for a row of '%s'", input_shown(in));
			return NEXT_FAILED;
		}
		if (found != CSV_MORE || rest.n > r->job->max_line)
			return judge(r, found, rest);
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
	char line_end = r->dialect.cr ? '\r' : '\n';
	bool open_end = r->end.used == rest.n && rest.p[rest.n - 1] != line_end;
	r->line += r->end.lines + open_end;
	input_skip(r->job->input, r->end.used);
}

static int admit_row(struct reader *r, struct rec *rec, const struct err *fault,
		     struct err *err) SUSPENDS
{
	skip_row(r);
	return admit_here(r, rec, fault, err);
}

static struct rec *evidence(struct reader *r, struct slice text)
{
	buf_clear(&r->cell);
	bool decoded = r->charset && charset_put(r->charset, text, &r->cell) == 0;
	return lines_evidence(decoded ? buf_slice(&r->cell) : text);
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

/* ---- cells ----------------------------------------------------------------------------------- */

static int fail_cell(const struct reader *r, const struct column *c, struct slice text,
		     struct err *why)
{
	static const char *const wanted[] = {
		[CELL_STRING] = "a string",
		[CELL_INT] = "an int",
		[CELL_FLOAT] = "a float",
		[CELL_BOOL] = "a bool",
		[CELL_JSON] = "valid JSON",
		[CELL_DATE] = "a date such as 2026-02-28",
		[CELL_INFER] = "a value",
		[CELL_TIMESTAMP] = "a timestamp such as 2026-02-28T12:30:00Z",
	};
	return fail_row(r, why, FAULT_BAD_VALUE, "column '%s' holds '%.*s', which is not %s",
			c->name.p, SLICE(utf8_head(text, 80)), wanted[c->type]);
}

/* An escape is gone from the field already: \N was written, N is there. */
static bool means(const struct reader *r, const char *null, struct slice field, unsigned flags)
{
	bool escaped = flags & CSV_ESCAPED;
	if (r->dialect.escape && null[0] == r->dialect.escape)
		return escaped && slice_eq_str(field, null + 1);
	return !escaped && slice_eq_str(field, null);
}

static bool is_null(const struct reader *r, size_t i)
{
	const struct opt_list *nulls = &r->job->options->nulls;
	const char *const *texts = nulls->v;
	if (r->row.flags[i] & CSV_QUOTED)
		return false;
	for (size_t k = 0; k < nulls->n; k++)
		if (means(r, texts[k], r->row.fields[i], r->row.flags[i]))
			return true;
	return false;
}

static int put_cell(struct reader *r, const struct column *c, size_t i, enum cell_type type,
		    struct err *why)
{
	struct slice text = r->row.fields[i];
	if (r->job->options->nulls.n && is_null(r, i))
		return buf_add(&r->text, S("null"));
	int done = r->charset ? charset_read(r->charset, text, &r->cell, &text) : 0;
	if (done == -EILSEQ)
		return fail_row(r, why, FAULT_BAD_VALUE, "column '%s' is %s", c->name.p,
				charset_advice(r->charset));
	done = done < 0 ? done : cell_put(type, text, r->point, &r->text);
	return done == -EBADMSG ? fail_cell(r, c, text, why) : done;
}

/* Fields without a column, as a list. */
static int put_rest(struct reader *r, struct err *why)
{
	static const struct column rest = { .name = { .p = "_rest" } };
	int done = r->columns.n ? buf_add_char(&r->text, ',') : 0;
	done = done < 0 ? done : buf_add(&r->text, S("\"_rest\":["));
	for (size_t i = r->columns.n; i < r->row.n && done == 0; i++) {
		done = i > r->columns.n ? buf_add_char(&r->text, ',') : 0;
		done = done < 0 ? done : put_cell(r, &rest, i, CELL_STRING, why);
	}
	return done < 0 ? done : buf_add_char(&r->text, ']');
}

static int put_cells(struct reader *r, bool strings, struct err *why)
{
	int done = 0;
	for (size_t i = 0; i < r->columns.n && done == 0; i++) {
		const struct column *c = &r->columns.v[i];
		done = i ? buf_add_char(&r->text, ',') : 0;
		done = done < 0 ? done : buf_add(&r->text, buf_slice(&c->key));
		if (done < 0)
			return done;
		done = i < r->row.n ? put_cell(r, c, i, strings ? CELL_STRING : c->type, why)
				    : buf_add(&r->text, S("null"));
	}
	return done == 0 && r->row.n > r->columns.n ? put_rest(r, why) : done;
}

/* The record into r->text. strings: types do not count. */
static int put_record(struct reader *r, bool strings, struct err *why)
{
	*why = (struct err){ 0 };
	buf_clear(&r->text);
	int done = buf_add_char(&r->text, '{');
	done = done < 0 ? done : put_cells(r, strings, why);
	done = done < 0 ? done : buf_add_char(&r->text, '}');
	if (done < 0 && why->fault == FAULT_NONE)
		return fail_row(r, why, FAULT_TOO_LARGE, "the row does not fit into a record");
	return done;
}

/* ---- whole rows ------------------------------------------------------------------------------ */

static bool fits(const struct reader *r)
{
	enum ragged ragged = (enum ragged)r->job->options->ragged;
	return r->row.n == r->columns.n || ragged == RAGGED_REST ||
	       (ragged == RAGGED_FILL && r->row.n < r->columns.n);
}

static int fail_ragged(const struct reader *r, struct err *why)
{
	static const char *const who[] = { [HEADER_ROW] = "the header has",
					   [HEADER_NAMES] = "`header` names",
					   [HEADER_NONE] = "the first row has" };
	return fail_row(r, why, FAULT_BAD_VALUE, "%zu field%s, but %s %zu", r->row.n,
			r->row.n == 1 ? "" : "s", who[header_of(r->job->options)], r->columns.n);
}

static int give_row(struct reader *r, struct err *err) SUSPENDS
{
	struct err why = { 0 }, unused;
	int good = 0;
	if (!fits(r))
		good = fail_ragged(r, &why);
	else if (!r->charset && !utf8_valid(row_text(r)))
		good = fail_row(r, &why, FAULT_BAD_VALUE, "%s", charset_advice(NULL));
	if (good < 0)
		return admit_row(r, evidence(r, row_text(r)), &why, err);
	if (put_record(r, false, &why) == 0)
		return admit_row(r, rec_new(buf_slice(&r->text)), NULL, err);
	if (put_record(r, true, &unused) < 0)
		return admit_row(r, evidence(r, row_text(r)), &why, err);
	return admit_row(r, rec_new(buf_slice(&r->text)), &why, err);
}

static bool blank_line(const struct reader *r)
{
	const char first = input_peek(r->job->input).p[0];
	return r->row.n == 1 && r->row.fields[0].n == 0 && (first == '\n' || first == '\r');
}

static void skip_blank(struct reader *r)
{
	input_skip(r->job->input, r->end.used);
	r->line++;
}

/* Costs one line, whether it is too long or opens a quote that ends wrongly or never. */
static int give_line(struct reader *r, const struct err *why, struct err *err) SUSPENDS
{
	struct slice rest = input_peek(r->job->input);
	const char *end = memchr(rest.p, r->dialect.cr ? '\r' : '\n', rest.n);
	struct rec *line = evidence(r, end ? slice_head(rest, (size_t)(end - rest.p)) : rest);
	if (skip_line(r, err) < 0) {
		rec_unref(line);
		return -1;
	}
	return admit_here(r, line, why, err);
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
		if (what != NEXT_ROW)
			done = give_bad(r, what, err);
		else if (blank_line(r))
			skip_blank(r);
		else
			done = give_row(r, err);
		if (done < 0)
			return -1;
	}
}

/* ---- the header ------------------------------------------------------------------------------ */

static int add_column(struct reader *r, struct slice name, struct err *err)
{
	const char *file = input_shown(r->job->input);
	if (charset_read(r->charset, name, &r->cell, &name) < 0)
		return fail(err, FAULT_CONFIG, "the header of '%s' is %s", file,
			    charset_advice(r->charset));
	return columns_add(&r->columns, name, r->job->options->infer ? CELL_INFER : CELL_STRING,
			   file, err);
}

/* Lone CRs were text, so all that was read is one row. */
static bool ends_with_cr(const struct reader *r)
{
	struct slice rest = slice_trim(input_peek(r->job->input));
	return !r->dialect.cr && rest.n && memchr(rest.p, '\r', rest.n) &&
	       !memchr(rest.p, '\n', rest.n);
}

static int fail_first(const struct reader *r, enum next what, struct err *err)
{
	const char *file = input_shown(r->job->input);
	if (ends_with_cr(r))
		return fail(err, FAULT_CONFIG,
			    "the lines of '%s' seem to end with CR alone; say so: `line_end: cr`",
			    file);
	return fail(err, FAULT_CONFIG, "the first row of '%s' is no CSV header: %s", file,
		    what == NEXT_LONG ? "it has no end"
				      : "a quote in it is not closed or not at a field's end");
}

static int name_columns(struct reader *r, struct err *err)
{
	AUTO(buf_done) struct buf name = { .max = 32 };
	bool named = header_of(r->job->options) == HEADER_ROW;
	for (size_t i = 0; i < r->row.n; i++) {
		buf_clear(&name);
		if (buf_printf(&name, "c%zu", i + 1) < 0 ||
		    add_column(r, named ? r->row.fields[i] : buf_slice(&name), err) < 0)
			return -1;
	}
	if (named)
		skip_row(r);
	return 0;
}

/* The first row, which names the columns, or shows how many there are. */
static int read_first(struct reader *r, struct err *err) SUSPENDS
{
	enum next what = next_row(r, err);
	while (what == NEXT_ROW && blank_line(r)) {
		skip_blank(r);
		what = next_row(r, err);
	}
	if (what == NEXT_END)
		return 0;
	if (what == NEXT_FAILED)
		return -1;
	return what == NEXT_ROW && !ends_with_cr(r) ? name_columns(r, err)
						    : fail_first(r, what, err);
}

static int read_top(struct reader *r, struct err *err) SUSPENDS
{
	const struct rows_options *o = r->job->options;
	int more = 1;
	for (int64_t i = 0; i < o->skip && more > 0; i++)
		more = skip_line(r, err);
	if (more < 0)
		return -1;
	return header_of(o) == HEADER_NAMES ? 0 : read_first(r, err);
}

static int check_columns(struct reader *r, struct err *err)
{
	const struct rows_options *o = r->job->options;
	const char *file = input_shown(r->job->input);
	if (o->ragged == RAGGED_REST && columns_find(&r->columns, "_rest"))
		return fail(err, FAULT_CONFIG,
			    "'%s' has a column '_rest', which `ragged: rest` makes itself", file);
	return columns_set_types(&r->columns, &o->types, file, err);
}

static int find_columns(struct reader *r, struct err *err) SUSPENDS
{
	const struct rows_options *o = r->job->options;
	const char *const *names = o->header.v;
	const struct position *from = split_from(r->split);
	struct input *in = r->job->input;
	uint64_t at = input_offset(in);
	if (!from || header_of(o) != HEADER_NAMES) {
		if (in->path && at)
			input_seek(in, 0);
		if (read_top(r, err) < 0)
			return -1;
		if (in->path && at > input_offset(in))
			input_seek(in, at);
	}
	for (size_t i = 0; header_of(o) == HEADER_NAMES && i < o->header.n; i++)
		if (columns_add(&r->columns, slice_str(names[i]),
				o->infer ? CELL_INFER : CELL_STRING, input_shown(in), err) < 0)
			return -1;
	if (from)
		r->line = split_line(r->split);
	return r->columns.n ? check_columns(r, err) : 0; /* 0: an empty file */
}

int rows_run(const struct rows *job, struct err *err)
{
	AUTO(reader_done) struct reader r = make_reader(job);
	r.split = intake_split(job->intake, job->name);
	job->input->cr = r.dialect.cr;
	if (input_begin(job->input, r.split, err) < 0 || find_columns(&r, err) < 0)
		return -1;
	return r.columns.n ? give_all(&r, err) : 0;
}
