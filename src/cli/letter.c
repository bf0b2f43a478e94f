/* letter.c - dead letters for people: a line of a table, a page, the counts of each kind
 *
 * What this room is for: to see at a glance what went wrong, and what to type next.
 * What flows through:    letters in, text of the terminal out.
 * What must hold:        what a server said may hold anything: no control character of it reaches the terminal. */
#include "cli/letter.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_SHOWN = 8, COLUMNS = 6, KINDS_MAX = 64, MESSAGE_MIN = 20 };

struct row {
	const char *column[COLUMNS]; /* id, when, fate, step, class, from */
	const char *message;
};
struct kind {
	const char *step, *class;
	uint64_t n;
};
struct letter_table {
	struct arena *arena;
	struct row *rows;
	size_t n, cap;
	bool has_fates;
	struct kind kinds[KINDS_MAX];
	size_t kind_count;
};

struct letter_table *letter_table_new(void)
{
	struct letter_table *t = xcalloc(1, sizeof *t);
	t->arena = arena_new();
	return t;
}

void letter_table_free(struct letter_table *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t->rows);
	free(t);
}

/* ---- words ---- */

/* Control characters become blanks; what is cut ends with dots. */
static int put_clean(struct buf *out, struct slice text, size_t most)
{
	bool cut = text.n > most;
	int r = 0;
	if (cut)
		text = slice_head(text, most > 3 ? most - 3 : 0);
	while (cut && text.n > 0 && ((unsigned char)text.p[text.n - 1] & 0x80))
		text.n--; /* not half a character */
	for (size_t i = 0; r == 0 && i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		r = buf_add_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
	return r == 0 && cut ? buf_add(out, S("...")) : r;
}

/* 2026-01-31T12:30:00.123Z -> 2026-01-31 12:30:00 */
static const char *when(struct arena *a, const char *time)
{
	return arena_printf(a, "%.10s %.8s", time, strlen(time) > 11 ? time + 11 : "");
}

static const char *origin(struct arena *a, const struct kept_letter *l)
{
	const char *slash = strrchr(l->split, '/');
	const char *name = slash && slash[1] ? slash + 1 : l->split;
	return l->line ? arena_printf(a, "%s:%llu", name, (unsigned long long)l->line)
		       : arena_printf(a, "%s", name);
}

/* ---- the table ---- */
static void count_kind(struct letter_table *t, const struct row *row)
{
	size_t i = 0;
	while (i < t->kind_count && (strcmp(t->kinds[i].step, row->column[3]) != 0 ||
				     strcmp(t->kinds[i].class, row->column[4]) != 0))
		i++;
	if (i == t->kind_count && i < KINDS_MAX)
		t->kinds[t->kind_count++] = (struct kind){ row->column[3], row->column[4], 0 };
	if (i < KINDS_MAX)
		t->kinds[i].n++;
}

void letter_table_add(struct letter_table *t, const struct kept_letter *l, const char *fate)
{
	struct arena *a = t->arena;
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->rows = xrealloc(t->rows, t->cap, sizeof *t->rows);
	}
	AUTO(buf_done) struct buf message = { 0 };
	if (put_clean(&message, slice_str(l->message), 1000) < 0)
		buf_clear(&message);
	struct row *row = &t->rows[t->n++];
	*row = (struct row){ { arena_printf(a, "%.*s", ID_SHOWN, l->id), when(a, l->time),
			       fate ? fate : "", arena_str(a, slice_str(l->step)),
			       arena_str(a, slice_str(l->class)), origin(a, l) },
			     arena_str(a, buf_slice(&message)) };
	t->has_fates |= fate != NULL;
	count_kind(t, row);
}

static const struct row titles = { { "id", "when (UTC)", "what became", "step", "class", "from" },
				   "message" };

static void measure(const struct letter_table *t, size_t widths[static COLUMNS])
{
	for (size_t c = 0; c < COLUMNS; c++) {
		widths[c] = strlen(titles.column[c]);
		for (size_t i = 0; i < t->n; i++) {
			size_t n = strlen(t->rows[i].column[c]);
			widths[c] = n > widths[c] ? n : widths[c];
		}
	}
	if (!t->has_fates)
		widths[2] = 0;
}

static int put_row(const struct row *row, const size_t widths[static COLUMNS], unsigned width,
		   struct buf *out)
{
	size_t used = 0;
	int r = 0;
	for (size_t c = 0; r == 0 && c < COLUMNS; c++) {
		if (widths[c] == 0)
			continue;
		r = buf_printf(out, "%-*s  ", (int)widths[c], row->column[c]);
		used += widths[c] + 2;
	}
	size_t left = width > used + MESSAGE_MIN ? width - used : MESSAGE_MIN;
	if (r == 0)
		r = put_clean(out, slice_str(row->message), width ? left : SIZE_MAX);
	return r < 0 ? r : buf_add_char(out, '\n');
}

int letter_table_put(const struct letter_table *t, unsigned width, struct buf *out)
{
	size_t widths[COLUMNS];
	measure(t, widths);
	int r = put_row(&titles, widths, width, out);
	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = put_row(&t->rows[i], widths, width, out);
	return r;
}

static int by_count(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;
	return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->step, y->step);
}

/* "status(404)" reads "status 404" here. */
static int put_class(struct buf *out, const char *class)
{
	int r = 0;
	for (const char *c = class; r == 0 && *c; c++)
		if (*c != ')')
			r = buf_add_char(out, *c == '(' ? ' ' : *c);
	return r;
}

int letter_counts_put(const struct letter_table *t, struct buf *out)
{
	struct kind kinds[KINDS_MAX];
	memcpy(kinds, t->kinds, sizeof kinds);
	qsort(kinds, t->kind_count, sizeof *kinds, by_count);
	int r = units_put_count(out, (int64_t)t->n);
	r = r < 0 ? r : buf_add(out, S(" dead"));
	for (size_t i = 0; r == 0 && i < t->kind_count; i++) {
		r = buf_add(out, i == 0 ? S(": ") : S(", "));
		r = r < 0 ? r : units_put_count(out, (int64_t)kinds[i].n);
		r = r < 0 ? r : buf_printf(out, " at %s (", kinds[i].step);
		r = r < 0 ? r : put_class(out, kinds[i].class);
		r = r < 0 ? r : buf_add_char(out, ')');
	}
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* ---- one, whole ---- */
static int put_field(struct buf *out, const char *name, struct slice text)
{
	int r = buf_printf(out, "  %-9s ", name);
	r = r < 0 ? r : put_clean(out, text, SIZE_MAX);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static struct slice field(struct slice object, const char *key, struct buf *text)
{
	struct slice raw;
	buf_clear(text);
	if (!json_field(object, slice_str(key), &raw))
		return S("");
	return json_type(raw) == JSON_STRING && json_unquote(raw, text) == 0 ? buf_slice(text)
									     : raw;
}

/* "    1  2026-01-31 12:30:00.123  41 ms  status(404)  answered 404: ..." */
static int put_attempt(struct slice attempt, struct buf *out)
{
	AUTO(buf_done) struct buf time = { 0 }, class = { 0 }, message = { 0 }, number = { 0 };
	struct slice at = field(attempt, "time", &time), ms = field(attempt, "ms", &number);
	int r = buf_printf(out, "    %.*s", (int)(at.n > 24 ? 24 : at.n), at.p ? at.p : "");
	r = r < 0 ? r : buf_printf(out, "  %5.*s ms  ", SLICE(ms));
	r = r < 0 ? r : put_clean(out, field(attempt, "class", &class), 60);
	r = r < 0 ? r : buf_add(out, S("  "));
	r = r < 0 ? r : put_clean(out, field(attempt, "message", &message), SIZE_MAX);
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* What was said at more length: a traceback. */
static int put_excerpt(struct slice attempt, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 };
	struct slice rest = field(attempt, "excerpt", &text), line;
	int r = 0;
	for (bool more = rest.n > 0; r == 0 && more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		r = buf_add(out, S("      "));
		r = r < 0 ? r : put_clean(out, line, SIZE_MAX);
		r = r < 0 ? r : buf_add_char(out, '\n');
		more = more && rest.n > 0;
	}
	return r;
}

static int put_attempts(struct slice attempts, struct buf *out)
{
	struct slice key, attempt;
	int r = buf_add(out, S("  attempts\n"));
	if (json_check(attempts, NULL) < 0 || json_type(attempts) != JSON_ARRAY)
		return r;
	struct json_iter it = json_iter(attempts);
	while (r == 0 && json_next(&it, &key, &attempt)) {
		r = put_attempt(attempt, out);
		r = r < 0 ? r : put_excerpt(attempt, out);
	}
	return r;
}

static bool has_label(const struct place *places, size_t n, const char *label)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(places[i].label, label) == 0)
			return true;
	return false;
}

static int put_next(const struct plan *p, const struct kept_letter *l, struct buf *out)
{
	int r = buf_printf(out, "  %-9s hocket dead replay %s %.*s", "next", p->file, ID_SHOWN,
			   l->id);
	if (r < 0)
		return r;
	if (has_label(p->steps, p->step_count, l->step))
		r = buf_printf(out, "   (goes on at step '%s')", l->step);
	else if (has_label(p->sinks, p->sink_count, l->step))
		r = buf_printf(out, "   (goes to '%s')", l->step);
	else if (!has_label(p->sources, p->source_count, l->step))
		r = buf_printf(out, "   (from the start: '%s' is not in the file any more)",
			       l->step);
	return r < 0 ? r
		     : buf_printf(out, "\n  %-9s hocket dead drop %s %.*s\n", "", p->file, ID_SHOWN,
				  l->id);
}

int letter_put(const struct plan *p, const struct kept_letter *l, struct buf *out)
{
	AUTO(arena_freep) struct arena *a = arena_new();
	bool same = slice_eq(l->record, l->at_step);
	int r = buf_printf(out, "%s  dead at %s: %s\n", l->id, l->step, l->class);
	r = r < 0 ? r : put_field(out, "message", slice_str(l->message));
	r = r < 0 ? r : put_field(out, "from", slice_str(origin(a, l)));
	r = r < 0 ? r
		  : put_field(
			    out, "when",
			    slice_str(arena_printf(a, "%s UTC, run %s", when(a, l->time), l->run)));
	r = r < 0 ? r : put_field(out, "record", l->record);
	if (r == 0 && !same)
		r = put_field(out, "at step", l->at_step);
	if (r == 0 && l->replayed_by[0])
		r = put_field(out, "replay", slice_str(l->replayed_by));
	r = r < 0 ? r : put_attempts(l->attempts, out);
	return r < 0 ? r : put_next(p, l, out);
}
