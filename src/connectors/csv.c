/* csv.c - one row out of bytes, one cell into bytes
 *
 * What this room is for: reader and writer of CSV side by side, so that they agree.
 * What flows through:    slices of the caller's text; only fields with doubled quotes are copied.
 * What must hold:
 *  (1) a row is scanned before anything is unquoted: a row that is not complete yet changes nothing.
 *  (2) a quote inside an unquoted field is text, as everywhere in the field; text behind a closing quote is a mistake.
 *
 *     start --"--> quoted --"--> closed --"--> quoted        (a doubled quote)
 *       |                          +--delimiter, line end--> next
 *       +--anything else--> plain --delimiter, line end--> next */
#include "connectors/csv.h"
#include "base/banned.h"
#include <errno.h>
#include <stdlib.h>

char csv_delimiter(const char *option)
{
	if (!option)
		return ',';
	if (slice_eq_str(S("tab"), option) || slice_eq_str(S("\\t"), option))
		return '\t';
	bool plain = option[0] && !option[1] && (unsigned char)option[0] < 128;
	return plain && !strchr("\"\r\n", option[0]) ? option[0] : 0;
}

void csv_row_done(struct csv_row *row)
{
	free(row->fields);
	free(row->doubled);
	buf_done(&row->unquoted);
	*row = (struct csv_row){ 0 };
}

static void add_field(struct csv_row *row, const char *from, const char *to, bool doubled)
{
	if (row->n == row->cap) {
		row->cap = row->cap ? row->cap * 2 : 16;
		row->fields = xrealloc(row->fields, row->cap, sizeof(*row->fields));
		row->doubled = xrealloc(row->doubled, row->cap, sizeof(*row->doubled));
	}
	row->fields[row->n] = (struct slice){ from, (size_t)(to - from) };
	row->doubled[row->n++] = doubled;
}

struct scan {
	const struct csv_dialect *dialect;
	const char *p, *end;
	bool last;
	size_t lines;
};

/* Behind the opening quote; leaves p behind the closing one. */
static enum csv_result scan_quoted(struct scan *s, bool *doubled)
{
	for (;;) {
		const char *q = memchr(s->p, s->dialect->quote, (size_t)(s->end - s->p));
		const char *stop = q ? q : s->end;
		for (const char *nl = s->p; (nl = memchr(nl, '\n', (size_t)(stop - nl))); nl++)
			s->lines++;
		if (!q)
			return s->last ? CSV_UNENDED : CSV_MORE;
		s->p = q + 1;
		if (s->p == s->end)
			return s->last ? CSV_ROW : CSV_MORE;
		if (*s->p != s->dialect->quote)
			return CSV_ROW;
		*doubled = true;
		s->p++;
	}
}

static const char *plain_end(const struct scan *s)
{
	const char *p = s->p;
	while (p < s->end && *p != s->dialect->delimiter && *p != '\n')
		p++;
	return p;
}

/* At a field's end: 1 another field follows, 0 the row ends here, -1 neither. */
static int step_over(struct scan *s)
{
	if (s->p == s->end)
		return s->last ? 0 : -1;
	if (*s->p == s->dialect->delimiter) {
		s->p++;
		return 1;
	}
	const char *p = s->p;
	bool cr = *p == '\r' && (p + 1 < s->end ? p[1] == '\n' : s->last);
	p += cr;
	if (p < s->end && *p != '\n')
		return -1;
	s->lines += p < s->end;
	s->p = p + (p < s->end);
	return 0;
}

static enum csv_result scan_plain(struct scan *s, struct csv_row *row)
{
	const char *from = s->p, *to = plain_end(s);
	if (to == s->end && !s->last)
		return CSV_MORE;
	s->p = to;
	bool line_end = to == s->end || *to == '\n';
	if (line_end && to > from && to[-1] == '\r')
		to--;
	add_field(row, from, to, false);
	return CSV_ROW;
}

static enum csv_result scan_field(struct scan *s, struct csv_row *row)
{
	bool doubled = false;
	if (!s->dialect->quote || s->p == s->end || *s->p != s->dialect->quote)
		return scan_plain(s, row);
	const char *from = ++s->p;
	enum csv_result r = scan_quoted(s, &doubled);
	if (r != CSV_ROW)
		return r;
	add_field(row, from, s->p - 1, doubled);
	if (s->p < s->end && *s->p == '\r' && s->p + 1 == s->end && !s->last)
		return CSV_MORE;
	return CSV_ROW;
}

static int unquote(const struct csv_dialect *d, struct csv_row *row, size_t row_bytes)
{
	buf_clear(&row->unquoted);
	row->unquoted.max = SIZE_MAX / 2;
	int r = buf_reserve(&row->unquoted, row_bytes); /* slices into it must not move */
	for (size_t i = 0; i < row->n && r == 0; i++) {
		if (!row->doubled[i])
			continue;
		struct slice rest = row->fields[i], part = { 0 };
		size_t from = row->unquoted.n;
		while (slice_cut(rest, d->quote, &part, &rest) && r == 0) {
			r = buf_add(&row->unquoted, part);
			r = r < 0 ? r : buf_add_char(&row->unquoted, d->quote);
			rest = slice_from(rest, 1);
		}
		r = r < 0 ? r : buf_add(&row->unquoted, part);
		row->fields[i] = (struct slice){ row->unquoted.p + from, row->unquoted.n - from };
	}
	return r;
}

enum csv_result csv_parse(const struct csv_dialect *d, struct slice text, bool last,
			  struct csv_row *row, struct csv_end *end)
{
	struct scan s = { d, text.p, text.p + text.n, last, 0 };
	bool any_doubled = false;
	row->n = 0;
	for (int more = 1; more > 0;) {
		enum csv_result r = scan_field(&s, row);
		if (r != CSV_ROW)
			return r;
		any_doubled = any_doubled || row->doubled[row->n - 1];
		more = step_over(&s);
		if (more < 0)
			return s.p == s.end ? CSV_MORE : CSV_STRAY;
	}
	end->used = (size_t)(s.p - text.p);
	end->lines = s.lines;
	if (any_doubled && unquote(d, row, end->used) < 0)
		return CSV_MEMORY;
	return CSV_ROW;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static bool needs_quotes(const struct csv_dialect *d, struct slice text)
{
	if (text.n == 0)
		return true;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == d->delimiter || c == d->quote || c == '\n' || c == '\r')
			return true;
	}
	return text.p[0] == ' ' || text.p[text.n - 1] == ' ';
}

int csv_put(const struct csv_dialect *d, struct slice text, struct buf *out)
{
	if (!needs_quotes(d, text))
		return buf_add(out, text);
	struct slice part = { 0 }, rest = text;
	int r = buf_add_char(out, d->quote);
	while (r == 0 && slice_cut(rest, d->quote, &part, &rest)) {
		r = buf_add(out, part);
		r = r < 0 ? r : buf_add_char(out, d->quote);
		r = r < 0 ? r : buf_add_char(out, d->quote);
	}
	r = r < 0 ? r : buf_add(out, part);
	return r < 0 ? r : buf_add_char(out, d->quote);
}
