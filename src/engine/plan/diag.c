/* diag.c - mistakes in a pipeline file, collected and shown like a good compiler's
 *
 * What this room is for: every part of the planner says what it found, in any order; the user reads one list
 *   in the file's order, each entry with its line and a caret under the words that are meant.
 * What flows through:    byte offsets into the file's text in, lines of text out. Line and column are worked
 *   out only here, when printing: columns count characters, not bytes.
 * What must hold:
 *  (1) nothing is printed by itself, nothing is said twice: equal words at the same place are one mistake.
 *  (2) what is shown of the file is clean: control characters and broken UTF-8 come out as '?', tabs stay
 *      tabs in the line and under it, a very long line is cut to a window around the caret.
 *  (3) the list is bounded: beyond KEPT mistakes only the number goes on counting. */
#include "engine/plan/diag.h"
#include "base/utf8.h"
#include "engine/port.h"

#include <stdarg.h>

#include "base/banned.h"

enum {
	KEPT = 1000,
	WINDOW = 160,
	LEAD = 60
}; /* of a long line: characters shown, and how many before the caret */

struct mistake {
	size_t offset, length;
	size_t turn; /* the order of discovery: keeps the sort stable */
	char *text, *hint;
};
struct range {
	size_t from, to;
};
struct diag {
	char *file, *copy;
	struct slice text; /* in copy */
	struct mistake *list;
	size_t n, cap, more;
	struct range *muted;
	size_t muted_count, muted_mistakes;
	diag_locate *locate;
	void *locate_arg;
	struct diag *files, *next; /* of files that this one names, owned */
};

struct diag *diag_new(const char *file_shown)
{
	ASSERT(file_shown);
	struct diag *d = xcalloc(1, sizeof *d);
	d->file = xstrndup(file_shown, strlen(file_shown));
	return d;
}

void diag_free(struct diag *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].text);
		free(d->list[i].hint);
	}
	while (d->files) {
		struct diag *file = d->files;
		d->files = file->next;
		diag_free(file);
	}
	free(d->list);
	free(d->muted);
	free(d->copy);
	free(d->file);
	free(d);
}

void diag_text(struct diag *d, struct slice text)
{
	free(d->copy);
	d->copy = xstrndup(text.n ? text.p : "", text.n);
	d->text = (struct slice){ d->copy, text.n };
}

struct diag *diag_file(struct diag *d, const char *file_shown, struct slice text)
{
	struct diag **last = &d->files;
	while (*last && strcmp((*last)->file, file_shown) != 0)
		last = &(*last)->next;
	if (!*last) {
		*last = diag_new(file_shown);
		diag_text(*last, text);
	}
	return *last;
}

size_t diag_count(const struct diag *d)
{
	size_t n = d->n + d->more + d->muted_mistakes;
	for (const struct diag *file = d->files; file; file = file->next)
		n += diag_count(file);
	return n;
}

void diag_mute(struct diag *d, size_t from, size_t to)
{
	ASSERT(from <= to && to <= d->text.n + 1);
	d->muted = xrealloc(d->muted, d->muted_count + 1, sizeof *d->muted);
	d->muted[d->muted_count++] = (struct range){ from, to };
}

void diag_place(struct diag *d, diag_locate *locate, void *arg)
{
	ASSERT(!locate || !d->locate); /* one place is planned at a time */
	d->locate = locate;
	d->locate_arg = arg;
}

/* ---- clean text ---------------------------------------------------------------------------------- */

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* The text with everything that is no character, or that moves a terminal, as '?'. */
static int put_text(struct buf *out, struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
	int r = 0;

	for (size_t n; p < end && r == 0; p += n) {
		bool ascii = *p<0x80, c1 = end - p> 1 && p[0] == 0xc2 && p[1] < 0xa0;
		size_t size = ascii ? 1 : utf8_size(p, end);
		bool harmless = ascii ? (*p >= 0x20 && *p != 0x7f) || *p == '\t' : size > 0 && !c1;
		n = size ? size : 1;
		r = harmless ? buf_add(out, (struct slice){ (const char *)p, n })
			     : buf_add_char(out, '?');
	}
	return r;
}

/* ---- adding -------------------------------------------------------------------------------------- */

static bool known(const struct diag *d, size_t offset, const char *text)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].offset == offset && strcmp(d->list[i].text, text) == 0)
			return true;
	return false;
}

static bool is_muted(const struct diag *d, size_t offset)
{
	for (size_t i = 0; i < d->muted_count; i++)
		if (offset >= d->muted[i].from && offset < d->muted[i].to)
			return true;
	return false;
}

static char *clean(struct slice text)
{
	AUTO(buf_done) struct buf out = { .max = 4096 };
	return put_text(&out, text) == 0 && out.p ? xstrndup(out.p, out.n) : xstrndup("", 0);
}

static void add(struct diag *d, size_t offset, size_t length, const char *hint, const char *fmt,
		va_list ap)
{
	AUTO(buf_done) struct buf raw = { .max = 2048 };

	if (is_muted(d, offset)) {
		d->muted_mistakes++;
		return;
	}
	/* A message that quotes a monstrous word is cut by its ceiling: the form of it is said still. */
	if (buf_vprintf(&raw, fmt, ap) < 0 && buf_printf(&raw, "%s", fmt) < 0)
		return;
	AUTO(freep) char *text = clean(buf_slice(&raw));
	if (known(d, offset, text))
		return;
	if (d->n == KEPT) {
		d->more++;
		return;
	}
	if (d->n == d->cap) {
		d->cap = d->cap * 2 + 8;
		d->list = xrealloc(d->list, d->cap, sizeof *d->list);
	}
	d->list[d->n] = (struct mistake){ .offset = offset, .length = length, .turn = d->n };
	d->list[d->n].text = take(text);
	d->list[d->n].hint = hint ? clean(slice_str(hint)) : NULL;
	d->n++;
	ASSERT(d->n <= KEPT && d->n <= d->cap);
}

void diag_add(struct diag *d, size_t offset, size_t length, const char *hint, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(d, offset, length, hint, fmt, ap);
	va_end(ap);
}

void diag_error(struct diag *d, const char *option, const char *fmt, ...)
{
	size_t offset = DIAG_NOWHERE, length = 0;
	va_list ap;

	if (d->locate)
		d->locate(d->locate_arg, option, &offset, &length);
	va_start(ap, fmt);
	add(d, offset, length, NULL, fmt, ap);
	va_end(ap);
}

/* ---- printing ------------------------------------------------------------------------------------ */

/* Walks forward through the text, so that a list in order is placed in one pass. */
struct cursor {
	struct slice text;
	size_t at, line, line_start; /* line counts from 1 */
};

static void cursor_to(struct cursor *c, size_t offset)
{
	ASSERT(c->at <= offset || offset > c->text.n); /* the list is in order */
	if (offset > c->text.n)
		offset = c->text.n;
	for (; c->at < offset; c->at++)
		if (c->text.p[c->at] == '\n') {
			c->line++;
			c->line_start = c->at + 1;
		}
}

static size_t characters(struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += starts_character(s.p[i]);
	return n;
}

static struct slice line_at(struct slice text, size_t start)
{
	struct slice line;
	slice_cut(slice_from(text, start), '\n', &line, &(struct slice){ 0 });
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* The byte at which character number n begins, or the end. */
static size_t character_at(struct slice s, size_t n)
{
	size_t i = 0;
	for (; i < s.n; i++)
		if (starts_character(s.p[i]) && n-- == 0)
			return i;
	return i;
}

/* Blanks as wide as the text before the caret: tabs stay tabs, whatever their width is. */
static int put_padding(struct buf *out, struct slice before)
{
	int r = 0;
	for (size_t i = 0; i < before.n && r == 0; i++)
		if (starts_character(before.p[i]))
			r = buf_add_char(out, before.p[i] == '\t' ? '\t' : ' ');
	return r;
}

struct paint { /* escape sequences, or empty strings */
	const char *bold, *red, *green, *off;
};

static int put_caret(struct buf *out, const struct paint *paint, struct slice under,
		     const char *hint)
{
	int r = buf_printf(out, "%s^", paint->green);
	for (size_t n = characters(under); n > 1 && r == 0; n--)
		r = buf_add_char(out, '~');
	return r < 0 ? r
		     : buf_printf(out, "%s%s%s\n", paint->off, hint ? " " : "", hint ? hint : "");
}

/* The line with the caret under it. `at` is the mistake's first byte within the line. */
static int put_source(struct buf *out, const struct paint *paint, const struct mistake *m,
		      size_t line_number, struct slice line, size_t at)
{
	ASSERT(at <= line.n);
	size_t column = characters(slice_head(line, at)), skip = 0;
	size_t stop = at + (m->length < line.n - at ? m->length : line.n - at);
	const char *left = "", *right = "";

	if (characters(line) > WINDOW) {
		if (column > LEAD)
			skip = character_at(line, column - LEAD);
		size_t end = skip + character_at(slice_from(line, skip), WINDOW);
		left = skip > 0 ? "..." : "";
		right = end < line.n ? "..." : "";
		line.n = end;
		stop = stop < end ? stop : end;
	}
	ASSERT(skip <= at && at <= stop && stop <= line.n);
	struct slice shown = slice_from(line, skip), before = { line.p + skip, at - skip };
	int width = snprintf(NULL, 0, "%3zu", line_number);
	int r = buf_printf(out, "%*zu | %s", width, line_number, left);
	if (r == 0)
		r = put_text(out, shown);
	if (r == 0)
		r = buf_printf(out, "%s\n%*s | %*s", right, width, "", (int)strlen(left), "");
	if (r == 0)
		r = put_padding(out, before);
	return r < 0 ? r : put_caret(out, paint, (struct slice){ line.p + at, stop - at }, m->hint);
}

static int put_mistake(const struct diag *d, const struct mistake *m, struct cursor *c,
		       const struct paint *paint, struct buf *out)
{
	int r;

	if (m->offset == DIAG_NOWHERE)
		return buf_printf(out, "%s%s: %serror:%s %s%s%s%s\n", paint->bold, d->file,
				  paint->red, paint->off, m->text, m->hint ? " (" : "",
				  m->hint ? m->hint : "", m->hint ? ")" : "");
	cursor_to(c, m->offset);
	struct slice line = line_at(c->text, c->line_start);
	size_t at = c->at - c->line_start < line.n ? c->at - c->line_start : line.n;
	r = buf_printf(out, "%s%s:%zu:%zu: %serror:%s %s\n", paint->bold, d->file, c->line,
		       characters(slice_head(line, at)) + 1, paint->red, paint->off, m->text);
	return r < 0 ? r : put_source(out, paint, m, c->line, line, at);
}

static int by_place(const void *a, const void *b)
{
	const struct mistake *x = *(const struct mistake *const *)a,
			     *y = *(const struct mistake *const *)b;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->turn < y->turn ? -1 : 1;
}

static int put_line(const struct diag *d, const struct mistake *m, struct cursor *c,
		    struct buf *out)
{
	int r = buf_add(out, slice_str(d->file));
	if (r == 0 && m->offset != DIAG_NOWHERE) {
		cursor_to(c, m->offset);
		struct slice before = { c->text.p + c->line_start, c->at - c->line_start };
		r = buf_printf(out, ":%zu:%zu", c->line, characters(before) + 1);
	}
	return r < 0 ? r
		     : buf_printf(out, ": %s%s%s\n", m->text, m->hint ? ": " : "",
				  m->hint ? m->hint : "");
}

int diag_put_lines(const struct diag *d, struct buf *out)
{
	struct cursor c = { .text = d->text, .line = 1 };
	AUTO(freep) const struct mistake **order = xcalloc(d->n + 1, sizeof *order);
	int r = 0;

	for (size_t i = 0; i < d->n; i++)
		order[i] = &d->list[i];
	qsort(order, d->n, sizeof *order, by_place);
	for (size_t i = 0; i < d->n && r == 0; i++)
		r = put_line(d, order[i], &c, out);
	return r;
}

int diag_print(const struct diag *d, bool color, struct buf *out)
{
	static const struct paint plain = { "", "", "", "" };
	static const struct paint colored = { "\033[1m", "\033[31m", "\033[32m", "\033[0m" };
	struct cursor c = { .text = d->text, .line = 1 };
	AUTO(freep) const struct mistake **order = xcalloc(d->n + 1, sizeof *order);
	int r = 0;

	for (size_t i = 0; i < d->n; i++)
		order[i] = &d->list[i];
	qsort(order, d->n, sizeof *order, by_place);
	for (size_t i = 0; i < d->n && r == 0; i++)
		r = put_mistake(d, order[i], &c, color ? &colored : &plain, out);
	if (r == 0 && d->more > 0)
		r = buf_printf(out, "%s: and %zu more mistakes\n", d->file, d->more);
	for (const struct diag *file = d->files; file && r == 0; file = file->next)
		r = diag_print(file, color, out);
	return r;
}
