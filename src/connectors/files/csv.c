/* csv.c - one row out of bytes, one cell into bytes
 *
 * What this room is for: reader and writer of CSV side by side, so that they agree.
 * What flows through:    slices of the caller's text; only fields with doubled quotes or escapes are copied.
 * What must hold:
 *  (1) a row is scanned before anything is unquoted: a row that is not complete yet changes nothing.
 *  (2) a quote inside an unquoted field is text, as everywhere in the field; text behind a closing quote is a mistake.
 *  (3) a line without quotes and escapes, which most are, is cut at its delimiters eight bytes at a time; what that finds is
 *      what the diagram finds.
 *
 *     start --"--> quoted --"--> closed --"--> quoted        (a doubled quote)
 *       |                          +--delimiter, line end--> next
 *       +--anything else--> plain --delimiter, line end--> next */
#include "connectors/files/csv.h"
#include "base/banned.h"
#include <endian.h>
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
	free(row->flags);
	buf_done(&row->unquoted);
	*row = (struct csv_row){ 0 };
}

static void grow(struct csv_row *row)
{
	row->cap = row->cap ? row->cap * 2 : 16;
	row->fields = xrealloc(row->fields, row->cap, sizeof(*row->fields));
	row->flags = xrealloc(row->flags, row->cap, sizeof(*row->flags));
}

static inline void add_field(struct csv_row *row, const char *from, const char *to, unsigned flags)
{
	if (row->n == row->cap)
		grow(row);
	row->fields[row->n] = (struct slice){ from, (size_t)(to - from) };
	row->flags[row->n++] = (uint8_t)flags;
}

static inline char line_end(const struct csv_dialect *d)
{
	return d->cr ? '\r' : '\n';
}

/* ---- lines without quotes --------------------------------------------------------------------- */

/* The high bit of each byte of w that is zero. */
static inline uint64_t zero_bytes(uint64_t w)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	return ~(((w & low) + low) | w | low);
}

static void split_line(struct csv_row *row, const char *p, const char *end, char delimiter)
{
	const uint64_t pattern = UINT64_C(0x0101010101010101) * (unsigned char)delimiter;
	const char *from = p;
	for (; end - p >= 8; p += 8) {
		uint64_t w;
		memcpy(&w, p, sizeof(w));
		for (uint64_t hit = zero_bytes(le64toh(w) ^ pattern); hit; hit &= hit - 1) {
			const char *at = p + (__builtin_ctzll(hit) >> 3);
			add_field(row, from, at, 0);
			from = at + 1;
		}
	}
	for (; p < end; p++)
		if (*p == delimiter) {
			add_field(row, from, p, 0);
			from = p + 1;
		}
	add_field(row, from, end, 0);
}

/* false: it is for the scanner, which knows everything. */
static bool parse_plain_line(const struct csv_dialect *d, struct slice text, struct csv_row *row,
			     struct csv_end *end)
{
	const char *nl = memchr(text.p, line_end(d), text.n);
	if (!nl || d->trim)
		return false;
	size_t n = (size_t)(nl - text.p);
	if ((d->quote && memchr(text.p, d->quote, n)) ||
	    (d->escape && memchr(text.p, d->escape, n)))
		return false;
	*end = (struct csv_end){ n + 1, 1 };
	split_line(row, text.p, !d->cr && n && nl[-1] == '\r' ? nl - 1 : nl, d->delimiter);
	return true;
}

/* ---- the scanner ------------------------------------------------------------------------------ */

struct scan {
	const struct csv_dialect *dialect;
	const char *p, *end;
	bool last;
	size_t lines;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Blanks that are no delimiters. */
static void skip_blanks(struct scan *s)
{
	while (s->dialect->trim && s->p < s->end && is_blank(*s->p) &&
	       *s->p != s->dialect->delimiter)
		s->p++;
}

static const char *find_special(const struct scan *s)
{
	const struct csv_dialect *d = s->dialect;
	const char *p = s->p;
	if (!d->escape)
		return memchr(p, d->quote, (size_t)(s->end - p));
	while (p < s->end && *p != d->quote && *p != d->escape)
		p++;
	return p < s->end ? p : NULL;
}

static void count_lines(struct scan *s, const char *from, const char *to)
{
	char end = line_end(s->dialect);
	for (; (from = memchr(from, end, (size_t)(to - from))); from++)
		s->lines++;
}

/* Behind the opening quote; leaves p behind the closing one. */
static enum csv_result scan_quoted(struct scan *s, unsigned *flags)
{
	for (;;) {
		const char *at = find_special(s), *stop = at ? at : s->end;
		count_lines(s, s->p, stop);
		if (!at)
			return s->last ? CSV_UNENDED : CSV_MORE;
		s->p = at + 1;
		if (*at != s->dialect->quote) {
			if (s->p == s->end)
				return s->last ? CSV_UNENDED : CSV_MORE;
			*flags |= CSV_ESCAPED;
			s->lines += *s->p == line_end(s->dialect);
			s->p++;
			continue;
		}
		if (s->p == s->end)
			return s->last ? CSV_ROW : CSV_MORE;
		if (*s->p != s->dialect->quote)
			return CSV_ROW;
		*flags |= CSV_ESCAPED;
		s->p++;
	}
}

/* At a field's end: 1 another field follows, 0 the row ends here, -1 neither. */
static int step_over(struct scan *s)
{
	const struct csv_dialect *d = s->dialect;
	skip_blanks(s);
	if (s->p == s->end)
		return s->last ? 0 : -1;
	if (*s->p == d->delimiter) {
		s->p++;
		return 1;
	}
	const char *p = s->p;
	bool cr = !d->cr && *p == '\r' && (p + 1 < s->end ? p[1] == '\n' : s->last);
	p += cr;
	if (p < s->end && *p != line_end(d))
		return -1;
	s->lines += p < s->end;
	s->p = p + (p < s->end);
	return 0;
}

/* Goes to the end of a field without quotes; an escape at the end of everything is text. */
static void scan_plain_to_end(struct scan *s, unsigned *flags)
{
	const struct csv_dialect *d = s->dialect;
	for (; s->p < s->end && *s->p != d->delimiter && *s->p != line_end(d); s->p++) {
		if (!d->escape || *s->p != d->escape || s->p + 1 == s->end)
			continue;
		*flags |= CSV_ESCAPED;
		s->p++;
		s->lines += *s->p == line_end(d);
	}
}

static enum csv_result scan_plain(struct scan *s, struct csv_row *row)
{
	const struct csv_dialect *d = s->dialect;
	const char *from = s->p, *to;
	unsigned flags = 0;
	scan_plain_to_end(s, &flags);
	if (s->p >= s->end && !s->last)
		return CSV_MORE;
	to = s->p;
	bool at_line_end = to == s->end || *to == line_end(d);
	if (at_line_end && !d->cr && to > from && to[-1] == '\r')
		to--;
	while (d->trim && !(flags & CSV_ESCAPED) && to > from && is_blank(to[-1]))
		to--;
	add_field(row, from, to, flags);
	return CSV_ROW;
}

static enum csv_result scan_field(struct scan *s, struct csv_row *row)
{
	unsigned flags = CSV_QUOTED;
	skip_blanks(s);
	if (!s->dialect->quote || s->p == s->end || *s->p != s->dialect->quote)
		return scan_plain(s, row);
	const char *from = ++s->p;
	enum csv_result r = scan_quoted(s, &flags);
	if (r != CSV_ROW)
		return r;
	add_field(row, from, s->p - 1, flags);
	if (s->p < s->end && *s->p == '\r' && s->p + 1 == s->end && !s->last && !s->dialect->cr)
		return CSV_MORE;
	return CSV_ROW;
}

/* ---- doubled quotes and escapes --------------------------------------------------------------- */

/* Room is there. What stands behind an escape, and the second of two quotes, is text. */
static void put_plain(const struct csv_dialect *d, struct slice field, bool quoted, struct buf *out)
{
	char *to = out->p + out->n;
	for (size_t i = 0; i < field.n; i++) {
		char c = field.p[i];
		bool special = (d->escape && c == d->escape) || (quoted && c == d->quote);
		i += special && i + 1 < field.n;
		*to++ = field.p[i];
	}
	buf_added(out, (size_t)(to - (out->p + out->n)));
}

static int unquote(const struct csv_dialect *d, struct csv_row *row, size_t row_bytes)
{
	buf_clear(&row->unquoted);
	row->unquoted.max = SIZE_MAX / 2;
	if (buf_reserve(&row->unquoted, row_bytes) < 0) /* slices into it must not move */
		return -ENOMEM;
	for (size_t i = 0; i < row->n; i++) {
		size_t from = row->unquoted.n;
		if (!(row->flags[i] & CSV_ESCAPED))
			continue;
		put_plain(d, row->fields[i], row->flags[i] & CSV_QUOTED, &row->unquoted);
		row->fields[i] = (struct slice){ row->unquoted.p + from, row->unquoted.n - from };
	}
	return 0;
}

enum csv_result csv_parse(const struct csv_dialect *d, struct slice text, bool last,
			  struct csv_row *row, struct csv_end *end)
{
	struct scan s = { d, text.p, text.p + text.n, last, 0 };
	unsigned flags = 0;
	row->n = 0;
	if (text.n && parse_plain_line(d, text, row, end))
		return CSV_ROW;
	for (int more = 1; more > 0;) {
		enum csv_result r = scan_field(&s, row);
		if (r != CSV_ROW)
			return r;
		flags |= row->flags[row->n - 1];
		more = step_over(&s);
		if (more < 0)
			return s.p == s.end ? CSV_MORE : CSV_STRAY;
	}
	end->used = (size_t)(s.p - text.p);
	end->lines = s.lines;
	if ((flags & CSV_ESCAPED) && unquote(d, row, end->used) < 0)
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
