/* mime_field.c - header fields: folded, in ASCII, read back as they were
 *
 * What this room is for: three ways in which mail writes text that is not ASCII: encoded words in texts and names, percent signs in
 *   parameters. What is ASCII already stays readable.
 * What flows through:    a value; lines out.
 *
 *     Subject: 20 days of =?utf-8?q?caf=C3=A9_and_cr=C3=A8me?= in Paris       plain words, one run of encoded words, plain words
 *     To: "Lovelace, Ada" <ada@example.org>                                  atoms; quoted; or encoded
 *     filename*0*=utf-8''Na%C3%AFve...; filename*1*=...
 *
 * What must hold:        see mime_field.h. */
#include "io/mail/mime_field.h"
#include "base/utf8.h"
#include "io/db/db_base64.h"
#include "io/mail/address.h"
#include <errno.h>
#include <string.h>

#define FOLD_AT     76
#define WORD_MOST   75 /* of an encoded word */
#define WORD_MARKS  12 /* "=?utf-8?q?" and "?=" */
#define QUOTED_MOST 60 /* longer ones are encoded, because those can be folded */
#define LINE_BREAK  S("\r\n ")

/* ---- lines ------------------------------------------------------------------------------------------------ */

void field_glue(struct mime_field *f, struct slice s)
{
	if (f->r == 0)
		f->r = buf_add(f->out, s);
	f->column += s.n;
}

static void fold(struct mime_field *f)
{
	field_glue(f, LINE_BREAK);
	f->column = 1;
}

void field_begin(struct mime_field *f, struct slice name)
{
	f->column = 0;
	field_glue(f, name);
	field_glue(f, S(":"));
}

void field_end(struct mime_field *f)
{
	field_glue(f, S("\r\n"));
	f->column = 0;
}

static bool is_first(const struct mime_field *f)
{
	return f->r == 0 && f->out->p[f->out->n - 1] == ':';
}

/* The first word stays on the name's line: there are programs that see nothing there otherwise. */
void field_word(struct mime_field *f, struct slice s)
{
	size_t most = is_first(f) ? MIME_WORD_MAX + 80 : FOLD_AT;
	if (f->column + 1 + s.n > most)
		fold(f);
	else
		field_glue(f, S(" "));
	field_glue(f, s);
}

/* ---- encoded words ------------------------------------------------------------------------------------------ */

/* Stands for itself in Q; in a phrase less does (RFC 2047 section 5 (3)). */
static bool is_q_safe(unsigned char c, bool phrase)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	if (phrase)
		return c && strchr("!*+-/", c);
	return c > ' ' && c < 0x7f && !strchr("=?_", c);
}

static size_t q_size(struct slice s, bool phrase)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == ' ' || is_q_safe((unsigned char)s.p[i], phrase) ? 1 : 3;
	return n;
}

static size_t b_size(size_t n)
{
	return (n + 2) / 3 * 4;
}

static void put_hex(struct mime_field *f, char mark, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[3] = { mark, digits[c >> 4], digits[c & 15] };
	field_glue(f, (struct slice){ text, 3 });
}

static void put_q(struct mime_field *f, struct slice s, bool phrase)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == ' ')
			field_glue(f, S("_"));
		else if (is_q_safe(c, phrase))
			field_glue(f, (struct slice){ &s.p[i], 1 });
		else
			put_hex(f, '=', c);
	}
}

static void put_b(struct mime_field *f, struct slice s)
{
	if (f->r == 0)
		f->r = db_base64_put(s, f->out);
	f->column += b_size(s.n);
}

static size_t character_size(struct slice s)
{
	if ((unsigned char)s.p[0] < 0x80)
		return 1;
	size_t n = utf8_size((const unsigned char *)s.p, (const unsigned char *)s.p + s.n);
	ASSERT(n > 0); /* checked by the caller */
	return n;
}

/* As many whole characters of s as make at most `room` bytes. */
static size_t fitting(struct slice s, size_t room, bool q, bool phrase)
{
	size_t n = 0, used = 0;
	while (n < s.n) {
		struct slice c = slice_head(slice_from(s, n), character_size(slice_from(s, n)));
		used = q ? used + q_size(c, phrase) : b_size(n + c.n);
		if (used > room)
			break;
		n += c.n;
	}
	return n;
}

/* Blanks between encoded words do not count (RFC 2047 section 6.2), so those of the text lie within. */
static void put_encoded(struct mime_field *f, struct slice s, bool phrase)
{
	bool q = q_size(s, phrase) <= b_size(s.n);
	while (s.n > 0 && f->r == 0) {
		size_t left = f->column + 1 < FOLD_AT ? FOLD_AT - f->column - 1 : 0;
		size_t room = left < WORD_MOST ? left : WORD_MOST;
		size_t n = room > WORD_MARKS ? fitting(s, room - WORD_MARKS, q, phrase) : 0;
		bool wasteful = n < s.n && room < WORD_MOST / 3;
		if (n == 0 || wasteful) {
			fold(f);
			n = fitting(s, WORD_MOST - WORD_MARKS, q, phrase);
		} else {
			field_glue(f, S(" "));
		}
		field_glue(f, q ? S("=?utf-8?q?") : S("=?utf-8?b?"));
		if (q)
			put_q(f, slice_head(s, n), phrase);
		else
			put_b(f, slice_head(s, n));
		field_glue(f, S("?="));
		s = slice_from(s, n);
	}
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static bool looks_encoded(struct slice s)
{
	return s.n && memmem(s.p, s.n, "=?", 2);
}

static bool is_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_plain_word(struct slice s)
{
	return s.n > 0 && s.n <= MIME_WORD_MAX && is_printable(s) && !looks_encoded(s);
}

/* Blanks that readers drop or squeeze. */
static bool has_odd_blanks(struct slice s)
{
	return slice_starts(s, S(" ")) || slice_ends(s, S(" ")) ||
	       (s.n && memmem(s.p, s.n, "  ", 2));
}

static void put_words(struct mime_field *f, struct slice s)
{
	struct slice word;
	while (s.n > 0) {
		slice_cut(s, ' ', &word, &s);
		field_word(f, word);
	}
}

/* From the first to the last word that must be encoded; n 0: none must. */
static struct slice encoded_span(struct slice s)
{
	struct slice rest = s, word;
	size_t from = s.n, to = 0;
	while (rest.n > 0) {
		slice_cut(rest, ' ', &word, &rest);
		if (is_plain_word(word))
			continue;
		size_t at = (size_t)(word.p - s.p);
		from = at < from ? at : from;
		to = at + word.n;
	}
	return from < to ? (struct slice){ s.p + from, to - from } : (struct slice){ 0 };
}

void field_text(struct mime_field *f, struct slice s)
{
	if (has_odd_blanks(s)) {
		put_encoded(f, s, false);
		return;
	}
	struct slice span = encoded_span(s);
	if (span.n == 0) {
		put_words(f, s);
		return;
	}
	size_t before = (size_t)(span.p - s.p);
	put_words(f, slice_head(s, before ? before - 1 : 0));
	put_encoded(f, span, false);
	if (before + span.n < s.n)
		put_words(f, slice_from(s, before + span.n + 1));
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool is_atoms(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && !mail_is_atext((unsigned char)s.p[i]))
			return false;
	return true;
}

static void put_quoted(struct mime_field *f, struct slice s)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	int r = buf_add_char(&text, '"');
	for (size_t i = 0; r == 0 && i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			r = buf_add_char(&text, '\\');
		if (r == 0)
			r = buf_add_char(&text, s.p[i]);
	}
	if (r == 0)
		r = buf_add_char(&text, '"');
	field_word(f, buf_slice(&text));
	f->r = f->r ? f->r : r;
}

void field_phrase(struct mime_field *f, struct slice s)
{
	if (s.n > QUOTED_MOST || !is_printable(s) || looks_encoded(s) || has_odd_blanks(s))
		put_encoded(f, s, true);
	else if (is_atoms(s))
		put_words(f, s);
	else
		put_quoted(f, s);
}

/* ---- parameters --------------------------------------------------------------------------------------------------- */

static bool is_attribute_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$&+-.^_`{|}~", c));
}

/* Quotation marks and backslashes within quotation marks are what programs disagree about. */
bool field_param_is_plain(struct slice s)
{
	return s.n > 0 && s.n <= QUOTED_MOST && is_printable(s) && !looks_encoded(s) &&
	       !has_odd_blanks(s) && !memchr(s.p, '"', s.n) && !memchr(s.p, '\\', s.n);
}

static size_t percent_size(struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += is_attribute_char((unsigned char)s.p[i]) ? 1 : 3;
	return n;
}

static void put_percent(struct mime_field *f, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_attribute_char((unsigned char)s.p[i]))
			field_glue(f, (struct slice){ &s.p[i], 1 });
		else
			put_hex(f, '%', (unsigned char)s.p[i]);
	}
}

static size_t percent_fitting(struct slice s, size_t room)
{
	size_t n = 0, used = 0;
	while (n < s.n) {
		struct slice c = slice_head(slice_from(s, n), character_size(slice_from(s, n)));
		used += percent_size(c);
		if (used > room)
			break;
		n += c.n;
	}
	return n;
}

/* filename*0*=utf-8''..., filename*1*=...; one section is written without its number. */
static void put_sections(struct mime_field *f, const char *name, struct slice s)
{
	bool one = percent_size(s) <= QUOTED_MOST - 10;
	for (unsigned i = 0; (s.n > 0 || i == 0) && f->r == 0; i++) {
		char head[64];
		size_t n = percent_fitting(s, QUOTED_MOST - 10);
		if (one)
			snprintf(head, sizeof(head), "%s*=utf-8''", name);
		else
			snprintf(head, sizeof(head), "%s*%u*=%s", name, i, i == 0 ? "utf-8''" : "");
		field_glue(f, S(";"));
		fold(f);
		field_glue(f, slice_str(head));
		put_percent(f, slice_head(s, n));
		s = slice_from(s, n);
	}
}

void field_param(struct mime_field *f, const char *name, struct slice value)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	if (!field_param_is_plain(value)) {
		put_sections(f, name, value);
		return;
	}
	field_glue(f, S(";"));
	int r = buf_printf(&text, percent_size(value) == value.n ? "%s=%.*s" : "%s=\"%.*s\"", name,
			   SLICE(value));
	field_word(f, buf_slice(&text));
	f->r = f->r ? f->r : r;
}
