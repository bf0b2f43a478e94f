/* sql_text.c - what a statement's text tells before any database is asked
 *
 * What this room is for: does it read or write, how many values does it take, is it one statement? `check` answers that without a
 *   connection; what only the database can know is asked when the run is opened.
 * What flows through:    text, as words; what stands in strings, quoted names and comments is passed over as PostgreSQL does, SQLite alike.
 * What must hold:
 *  (1) in doubt it writes: a statement that is taken for a writer is at worst asked about once too often, never made twice.
 *  (2) nothing is changed in the text. */
#include "connectors/sql/sql_text.h"
#include "base/banned.h"
#include <string.h>

struct words { /* a walk over the text */
	struct slice text;
	size_t at;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct words *w, size_t ahead)
{
	return w->at + ahead < w->text.n ? w->text.p[w->at + ahead] : '\0';
}

/* ---- what is passed over ---- */
/* Behind the closing quote; a doubled one is part of it, with `escapes` one behind a backslash as well. */
static void skip_quoted(struct words *w, char quote, bool escapes)
{
	for (w->at++; w->at < w->text.n; w->at++) {
		char c = peek(w, 0);
		if (c == quote && peek(w, 1) != quote)
			break;
		w->at += c == quote || (escapes && c == '\\');
	}
	w->at += w->at < w->text.n;
}

static void skip_line(struct words *w)
{
	while (w->at < w->text.n && peek(w, 0) != '\n')
		w->at++;
}

static void skip_comment(struct words *w)
{
	int depth = 0;
	do {
		bool opens = peek(w, 0) == '/' && peek(w, 1) == '*';
		bool closes = peek(w, 0) == '*' && peek(w, 1) == '/';
		depth += opens ? 1 : closes ? -1 : 0;
		w->at += opens || closes ? 2 : 1;
	} while (depth > 0 && w->at < w->text.n);
}

/* $tag$ ... $tag$; false: it is none. */
static bool skip_dollar(struct words *w)
{
	size_t n = 1;
	while (is_letter(peek(w, n)) || (n > 1 && is_digit(peek(w, n))))
		n++;
	if (peek(w, n) != '$')
		return false;
	const char *tag = w->text.p + w->at, *from = tag + n + 1;
	size_t rest = w->text.n - w->at - n - 1;
	const char *end = memmem(from, rest, tag, n + 1);
	w->at = end ? (size_t)(end - w->text.p) + n + 1 : w->text.n;
	return true;
}

static bool skip_gap(struct words *w)
{
	char c = peek(w, 0);
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')
		w->at++;
	else if (c == '-' && peek(w, 1) == '-')
		skip_line(w);
	else if (c == '/' && peek(w, 1) == '*')
		skip_comment(w);
	else
		return false;
	return true;
}

static bool skip_string(struct words *w)
{
	char c = peek(w, 0);
	if (c == '\'' || c == '"')
		skip_quoted(w, c, false);
	else if ((c == 'E' || c == 'e') && peek(w, 1) == '\'')
		w->at++, skip_quoted(w, '\'', true);
	else
		return c == '$' && skip_dollar(w);
	return true;
}

/* ---- words ---- */
static struct slice take_word(struct words *w)
{
	size_t from = w->at;
	while (is_letter(peek(w, 0)) || is_digit(peek(w, 0)) || peek(w, 0) == '$')
		w->at++;
	return (struct slice){ w->text.p + from, w->at - from };
}

static bool is_one_of(struct slice word, const char *const *list)
{
	for (; *list; list++)
		if (word.n == strlen(*list) && strncasecmp(word.p, *list, word.n) == 0)
			return true;
	return false;
}

static const char *const readers[] = { "select", "values",  "table",  "show",
				       "with",   "explain", "pragma", NULL };
/* In a statement that begins like a reader: a common table that changes rows, SELECT INTO, locks, EXPLAIN ANALYZE of a writer. */
static const char *const changers[] = { "insert", "update", "delete", "merge", "into", NULL };
static const char *const strengths[] = { "share", "no", "key", NULL };

static void read_word(struct slice word, bool first, bool after_for, struct sql_text *ret)
{
	if (first)
		ret->writes = !is_one_of(word, readers);
	else if (is_one_of(word, changers) || (after_for && is_one_of(word, strengths)))
		ret->writes = true;
}

static void read_param(struct words *w, struct sql_text *ret)
{
	unsigned n = 0;
	for (w->at++; is_digit(peek(w, 0)); w->at++)
		n = n < 100000 ? n * 10 + (unsigned)(peek(w, 0) - '0') : n;
	ret->params = n > ret->params ? n : ret->params;
}

void sql_text_read(struct slice text, struct sql_text *ret)
{
	static const char *const locks[] = { "for", NULL };
	struct words w = { .text = text };
	const char *in = text.n ? memmem(text.p, text.n, "\\(", 2) : NULL;
	bool first = true, ended = false, after_for = false;
	*ret = (struct sql_text){ .templated = in ? (size_t)(in - text.p) + 1 : 0 };
	while (w.at < text.n) {
		if (skip_gap(&w))
			continue;
		if (ended && peek(&w, 0) != ';' && !ret->second)
			ret->second = w.at;
		if (skip_string(&w))
			continue;
		if (is_letter(peek(&w, 0))) {
			struct slice word = take_word(&w);
			read_word(word, first, after_for, ret);
			after_for = is_one_of(word, locks);
			first = false;
		} else if (peek(&w, 0) == '$' && is_digit(peek(&w, 1))) {
			read_param(&w, ret);
		} else {
			ended |= peek(&w, 0) == ';';
			w.at++;
		}
	}
}

struct slice sql_text_trim(struct slice text)
{
	text = slice_trim(text);
	while (text.n && text.p[text.n - 1] == ';')
		text = slice_trim(slice_head(text, text.n - 1));
	return text;
}

int sql_text_put_shown(struct slice text, size_t most, struct buf *out)
{
	bool gap = false;
	size_t from = out->n;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			gap = out->n > from;
			continue;
		}
		if (out->n - from + 2 > most && ((unsigned char)c & 0xc0) != 0x80)
			return buf_add(out, S("..."));
		int r = gap ? buf_add_char(out, ' ') : 0;
		r = r < 0 ? r : buf_add_char(out, c);
		if (r < 0)
			return r;
		gap = false;
	}
	return 0;
}
