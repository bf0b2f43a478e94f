/* values.c - one value after the other out of a file
 *
 * What this room is for: the readers of the sources admit records into a run; here nobody runs. The bytes come through the same window
 *   (input.h), so that .gz, .zst, marks and UTF-16 are what they are there.
 * What flows through:    bytes in; JSON text out, borrowed from the window where it can be.
 * What must hold:
 *  (1) JSON lines are checked line by line: a line that is cut off is one bad line. Only when the first value needs more than its line,
 *  the file is a sequence of values with blanks between them; one that is bad ends it, because nobody knows where the
 *  next begins. (2) a CSV row is an object of texts, as `csv:` gives it. */
#include "cli/values.h"
#include "base/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 64 << 20 };

void values_init(struct values *v, struct input *input, enum values_form form)
{
	*v = (struct values){ .input = input, .form = form, .next_line = 1 };
	v->text.max = 2u * VALUE_MAX;
}

void values_done(struct values *v)
{
	csv_row_done(&v->row);
	for (size_t i = 0; i < v->column_count; i++)
		buf_done(&v->columns[i]);
	free(v->columns);
	buf_done(&v->text);
}

static uint64_t count_lines(struct slice s)
{
	uint64_t n = 0;
	for (const char *p = s.p, *end = s.p + s.n; p < end; p++, n++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
	}
	return n;
}

/* The next line without its end, in the window; 1, 0 at the end, -1. */
static int peek_line(struct values *v, struct slice *ret, struct err *err) SUSPENDS
{
	size_t looked = 0;
	for (;;) {
		struct slice s = input_peek(v->input);
		const char *end = s.n > looked ? memchr(s.p + looked, '\n', s.n - looked) : NULL;
		looked = s.n;
		int more = end ? 0 : input_more(v->input, VALUE_MAX, err);
		if (more < 0)
			return -1;
		if (more > 0)
			continue;
		if (!end && s.n == 0)
			return 0;
		s = input_peek(v->input);
		*ret = slice_head(s, end ? (size_t)(end - s.p) : s.n);
		v->used = ret->n + (end != NULL);
		return 1;
	}
}

/* ---- JSON ---- */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes of the first value of s, which begins without blanks; 0: it is not whole yet. Whether it is JSON is not looked at. */
static size_t value_end(struct slice s, bool last)
{
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		else if (depth == 0 && is_blank(c))
			return i;
		bool closed = c == '}' || c == ']' || c == '"';
		if (closed && depth == 0 && !quoted)
			return i + 1;
	}
	return last ? s.n : 0;
}

static int bad_json(struct values *v, const struct json_error *where, struct err *err)
{
	fail(err, FAULT_INVALID_JSON, "not JSON: %s at byte %zu", where->what, where->offset + 1);
	v->n++;
	return VALUES_BAD;
}

static int skip_blanks(struct values *v, struct err *err) SUSPENDS
{
	for (;;) {
		struct slice s = input_peek(v->input);
		size_t n = 0;
		while (n < s.n && is_blank(s.p[n]))
			n++;
		v->next_line += count_lines(slice_head(s, n));
		input_skip(v->input, n);
		if (n < s.n)
			return 1;
		int more = input_more(v->input, VALUE_MAX, err);
		if (more <= 0)
			return more;
	}
}

static int next_of_many_lines(struct values *v, struct slice *ret, struct err *err) SUSPENDS
{
	struct json_error where;
	size_t n = 0;
	int more = skip_blanks(v, err);
	if (more <= 0)
		return more;
	while ((n = value_end(input_peek(v->input), more == 0)) == 0) {
		more = input_more(v->input, VALUE_MAX, err);
		if (more < 0)
			return -1;
	}
	*ret = slice_head(input_peek(v->input), n);
	v->line = v->next_line;
	v->next_line += count_lines(*ret);
	v->used = n;
	buf_clear(&v->text);
	int r = json_compact(*ret, &v->text, &where);
	*ret = buf_slice(&v->text);
	if (r == -EBADMSG)
		bad_json(v, &where, err);
	else if (r < 0)
		fail_errno(err, FAULT_TOO_LARGE, r, "cannot hold the value");
	return r < 0 ? err_wrap(err, "line %llu: ", (unsigned long long)v->line) : VALUES_ONE;
}

/* An empty line is nothing. */
static int next_json(struct values *v, struct slice *ret, struct err *err) SUSPENDS
{
	struct json_error where;
	for (;;) {
		int r = v->many_lines ? 1 : peek_line(v, ret, err);
		if (r <= 0)
			return r;
		if (v->many_lines)
			return next_of_many_lines(v, ret, err);
		v->line = v->next_line++;
		*ret = slice_trim(*ret);
		if (ret->n == 0) {
			input_skip(v->input, v->used);
			continue;
		}
		bool good = json_check(*ret, &where) == 0;
		bool first = !v->began;
		v->began = true;
		if (good)
			return VALUES_ONE;
		if (!first)
			return bad_json(v, &where, err);
		v->many_lines = true;
		v->next_line--;
		v->used = 0;
	}
}

/* ---- CSV ---- */
/* 1: a row is in v->row; VALUES_BAD; 0; -1 */
static int next_row(struct values *v, struct csv_end *end, struct err *err) SUSPENDS
{
	static const struct csv_dialect dialect = { ',', '"' };
	bool last = false;
	for (;;) {
		struct slice s = input_peek(v->input);
		if (s.n == 0 && last)
			return 0;
		enum csv_result r =
			s.n == 0 ? CSV_MORE : csv_parse(&dialect, s, last, &v->row, end);
		if (r == CSV_MEMORY)
			return fail(err, FAULT_IO, "out of memory");
		if (r != CSV_MORE) {
			v->line = v->next_line;
			v->used = r == CSV_UNENDED ? s.n : end->used;
			v->next_line += r == CSV_UNENDED ? 0 : end->lines;
			if (r == CSV_ROW)
				return 1;
			fail(err, FAULT_BAD_VALUE, "%s",
			     r == CSV_STRAY ? "text behind a closing quote"
					    : "the file ends inside quotes");
			return VALUES_BAD;
		}
		int more = input_more(v->input, VALUE_MAX, err);
		if (more < 0)
			return -1;
		last = more == 0;
	}
}

static int read_header(struct values *v, struct err *err) SUSPENDS
{
	struct csv_end end;
	int r = next_row(v, &end, err);
	if (r != 1)
		return r == VALUES_BAD ? err_wrap(err, "the header: ") : r;
	v->columns = xcalloc(v->row.n + 1, sizeof *v->columns);
	for (size_t i = 0; i < v->row.n; i++, v->column_count++)
		if (json_quote(v->row.fields[i], &v->columns[i]) < 0)
			return fail(err, FAULT_TOO_LARGE, "the header is too long");
	input_skip(v->input, v->used);
	v->used = 0;
	return 1;
}

static int put_row(struct values *v)
{
	int r = buf_add_char(&v->text, '{');
	for (size_t i = 0; r == 0 && i < v->row.n; i++) {
		r = i > 0 ? buf_add_char(&v->text, ',') : 0;
		r = r < 0 ? r : buf_add(&v->text, buf_slice(&v->columns[i]));
		r = r < 0 ? r : buf_add_char(&v->text, ':');
		r = r < 0 ? r : json_quote(v->row.fields[i], &v->text);
	}
	return r < 0 ? r : buf_add_char(&v->text, '}');
}

static bool is_empty_line(const struct csv_row *row)
{
	return row->n == 1 && row->fields[0].n == 0;
}

static int next_csv(struct values *v, struct slice *ret, struct err *err) SUSPENDS
{
	struct csv_end end;
	int r = v->columns ? 1 : read_header(v, err);
	while (r == 1 && (r = next_row(v, &end, err)) == 1) {
		if (!is_empty_line(&v->row) || v->column_count == 1)
			break;
		input_skip(v->input, v->used);
		v->used = 0;
	}
	if (r != 1)
		return r;
	if (v->row.n != v->column_count) {
		fail(err, FAULT_BAD_VALUE, "%zu fields, but the header has %zu", v->row.n,
		     v->column_count);
		return VALUES_BAD;
	}
	buf_clear(&v->text);
	if (put_row(v) < 0)
		return fail(err, FAULT_TOO_LARGE, "the row is too long");
	*ret = buf_slice(&v->text);
	return VALUES_ONE;
}

/* ---- lines ---- */
static int next_line(struct values *v, struct slice *ret, struct err *err) SUSPENDS
{
	struct slice line;
	int r = peek_line(v, &line, err);
	if (r <= 0)
		return r;
	if (slice_ends(line, S("\r")))
		line.n--;
	v->line = v->next_line++;
	buf_clear(&v->text);
	r = buf_add(&v->text, S("{\"line\":"));
	r = r < 0 ? r : json_quote(line, &v->text);
	r = r < 0 ? r : buf_printf(&v->text, ",\"n\":%llu}", (unsigned long long)v->line);
	if (r < 0)
		return fail_errno(err, FAULT_TOO_LARGE, r, "the line is too long");
	*ret = buf_slice(&v->text);
	return VALUES_ONE;
}

int values_next(struct values *v, struct slice *ret, struct err *err)
{
	*err = (struct err){ 0 };
	input_skip(v->input, v->used);
	v->used = 0;
	int r = v->form == VALUES_CSV     ? next_csv(v, ret, err)
		: v->form == VALUES_LINES ? next_line(v, ret, err)
					  : next_json(v, ret, err);
	v->n += r == VALUES_ONE || (r == VALUES_BAD && v->form == VALUES_CSV);
	return r;
}
