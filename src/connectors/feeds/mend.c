/* mend.c - one pass over the bytes, which looks a few of them ahead
 *
 * What this room is for: see mend.h. It knows as much of XML as is needed to leave CDATA alone, and no more.
 * What flows through:    runs of bytes with nothing in them to mend, copied at once; the others one by one.
 * What must hold:        each step takes at least one byte, or waits for more than it has, which is less than MEND_HELD. */
#include "connectors/feeds/mend.h"
#include "base/banned.h"
#include "base/utf8.h"
#include "connectors/feeds/plain.h"

/* One pass of mend_add. */
struct pass {
	struct mend *m;
	struct buf *out;
	bool last;
};

static void put(struct pass *p, struct slice s)
{
	if (p->m->error == 0)
		p->m->error = buf_add(p->out, s);
}

static void put_character(struct pass *p, unsigned code)
{
	char bytes[4];
	put(p, (struct slice){ bytes, utf8_put(code, bytes) });
}

static void put_blanks(struct pass *p, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		put(p, s.p[i] == '\n' ? S("\n") : S(" "));
}

/* Could this be the front of `word`? Then more has to come. */
static bool is_front(const struct pass *p, struct slice s, struct slice word)
{
	return !p->last && s.n < word.n && slice_starts(word, s);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool is_control(unsigned code)
{
	return (code < ' ' && code != '\t' && code != '\n' && code != '\r') || code == 0xfffe ||
	       code == 0xffff;
}

/* Bytes that a character with this first one has; 1: none begins with it. */
static size_t size_by_lead(unsigned char lead)
{
	return lead < 0xc2 || lead > 0xf4 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/* Bytes at the front that are not UTF-8: how many are taken; 0: more has to come. Two or more that begin like a character are one that
 * was cut short; a single one is a letter of Windows-1252. */
static size_t put_broken(struct pass *p, struct slice s)
{
	unsigned char lead = (unsigned char)s.p[0];
	size_t n = 1, whole = size_by_lead(lead);
	while (n < whole && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n++;
	if (n < whole && n == s.n && !p->last)
		return 0;
	put_character(p, n > 1 ? 0xfffd : plain_windows(lead));
	return n;
}

static size_t put_high(struct pass *p, struct slice s)
{
	if (p->m->kind == MEND_UTF8)
		return put_broken(p, s);
	put_character(p, plain_windows((unsigned char)s.p[0]));
	return 1;
}

/* ---- references ------------------------------------------------------------------------------ */

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("#._:-", c));
}

/* XML's own five stay as they are: one '<' is text, another would be a tag. */
static void put_number(struct pass *p, struct slice reference, unsigned code)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "&#%u;", code);
	bool own = reference.p[1] != '#' && code < 128;
	if (!is_control(code))
		put(p, own ? reference : (struct slice){ text, (size_t)n });
}

static size_t put_reference(struct pass *p, struct slice s)
{
	size_t n = 1, taken = 0;
	unsigned code;
	while (n < s.n && n < MEND_HELD - 1 && is_of_name(s.p[n]))
		n++;
	if (n == s.n && n < MEND_HELD - 1 && !p->last)
		return 0;
	bool whole = n < s.n && s.p[n] == ';';
	if (whole && (taken = plain_entity_code(slice_head(s, n + 1), &code)) > 0) {
		put_number(p, slice_head(s, taken), code);
		return taken;
	}
	put(p, whole && p->m->doctype ? S("&") : S("&amp;"));
	return 1;
}

/* ---- markup ---------------------------------------------------------------------------------- */

static const struct opening {
	struct slice with, instead;
	enum mend_place place;
} openings[] = {
	{ { "<![CDATA[", 9 }, { "<![CDATA[", 9 }, MEND_IN_CDATA },
	{ { "<!--", 4 }, { "<!--", 4 }, MEND_IN_COMMENT },
	{ { "<?xml", 5 }, { "<?x  ", 5 }, MEND_IN_INSTRUCTION }, /* a name that means nothing */
	{ { "<?", 2 }, { "<?x ", 4 }, MEND_IN_INSTRUCTION },
	{ { "<!DOCTYPE", 9 }, { "<!DOCTYPE", 9 }, MEND_IN_TEXT },
};

static bool opens_tag(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("_:/!?", c)) ||
	       (unsigned char)c >= 0x80;
}

static size_t put_opening(struct pass *p, struct slice s)
{
	for (size_t i = 0; i < ARRAY_SIZE(openings); i++) {
		const struct opening *o = &openings[i];
		if (is_front(p, s, o->with))
			return 0;
		if (!slice_starts(s, o->with))
			continue;
		p->m->place = o->place;
		p->m->doctype |= o->place == MEND_IN_TEXT;
		put(p, o->instead);
		return o->with.n;
	}
	put(p, s.n == 1 || opens_tag(s.p[1]) ? S("<") : S("&lt;"));
	return 1;
}

/* A byte at which `end` may begin, in something that it ends. */
static size_t put_end(struct pass *p, struct slice s, struct slice end)
{
	if (is_front(p, s, end))
		return 0;
	if (!slice_starts(s, end)) {
		put(p, p->m->place == MEND_IN_CDATA ? slice_head(s, 1) : S(" "));
		return 1;
	}
	p->m->place = MEND_IN_TEXT;
	put(p, end);
	return end.n;
}

static size_t put_bracket(struct pass *p, struct slice s)
{
	if (is_front(p, s, S("]]>")))
		return 0;
	bool alone = slice_starts(s, S("]]>"));
	put(p, alone ? S("]]&gt;") : S("]"));
	return alone ? 3 : 1;
}

/* ---- */

static bool is_quiet(const struct mend *m, char c)
{
	if (m->only_bytes)
		return true;
	switch (m->place) {
	case MEND_IN_TEXT:
		return c != '<' && c != '&' && c != ']';
	case MEND_IN_CDATA:
		return c != ']';
	default:
		return c != (m->place == MEND_IN_COMMENT ? '-' : '?');
	}
}

/* Bytes at the front with which all is well. */
static size_t run_of(const struct mend *m, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p, *from = p, *end = p + s.n;
	bool hidden = m->place == MEND_IN_COMMENT || m->place == MEND_IN_INSTRUCTION;
	while (p < end) {
		size_t n = 1;
		if (*p >= 0x80 && m->kind == MEND_UTF8 && !hidden)
			n = utf8_size(p, end);
		bool none = n == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe;
		if (n == 0 || none || (*p >= 0x80 && m->kind == MEND_WINDOWS && !hidden) ||
		    (*p < 0x80 && ((is_control(*p) && !hidden) || !is_quiet(m, (char)*p))))
			break;
		p += n;
	}
	return (size_t)(p - from);
}

static size_t put_next(struct pass *p, struct slice s)
{
	size_t n = run_of(p->m, s);
	bool shown = p->m->place == MEND_IN_TEXT || p->m->place == MEND_IN_CDATA;
	if (n && shown)
		put(p, slice_head(s, n));
	else if (n)
		put_blanks(p, slice_head(s, n));
	if (n)
		return n;
	if ((unsigned char)s.p[0] >= 0x80)
		return put_high(p, s);
	switch (s.p[0]) {
	case '<':
		return put_opening(p, s);
	case '&':
		return put_reference(p, s);
	case ']':
		return p->m->place == MEND_IN_CDATA ? put_end(p, s, S("]]>")) : put_bracket(p, s);
	case '-':
		return put_end(p, s, S("-->"));
	case '?':
		return put_end(p, s, S("?>"));
	default:
		return 1; /* a control character */
	}
}

int mend_add(struct mend *m, struct slice bytes, bool last, struct buf *out)
{
	struct pass p = { .m = m, .out = out, .last = last };
	bool held = m->held.n > 0;
	size_t n = 1;
	if (m->kind == MEND_NOTHING)
		return buf_add(out, bytes);
	if (held && (m->error = buf_add(&m->held, bytes)) < 0)
		return m->error;
	struct slice s = held ? buf_slice(&m->held) : bytes;
	for (; s.n && n; s = slice_from(s, n))
		n = put_next(&p, s);
	ASSERT(s.n < MEND_HELD && (s.n == 0 || !last));
	if (held)
		buf_consume(&m->held, m->held.n - s.n);
	else if (m->error == 0)
		m->error = buf_add(&m->held, s);
	return m->error;
}

void mend_done(struct mend *m)
{
	buf_done(&m->held);
}

/* ---- before the document --------------------------------------------------------------------- */

static const char *find_word(struct slice text, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= text.n; i++)
		if (slice_eq_nocase((struct slice){ text.p + i, n }, slice_str(word)))
			return text.p + i;
	return NULL;
}

const char *mend_find_start(struct slice head)
{
	static const char *const roots[] = { "<rss", "<feed", "<rdf:rdf" };
	const char *declared = find_word(head, "<?xml "), *first = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		const char *at = find_word(head, roots[i]);
		if (at && (!first || at < first))
			first = at;
	}
	return declared && (!first || declared < first) ? declared : first;
}

void mend_head(struct buf *head)
{
	char *p = head->p;
	const char *start = mend_find_start(buf_slice(head));
	const char *first = memchr(p ? p : "", '<', head->n);
	bool declared = start && start[1] == '?';
	const char *end = declared || !first ? start : first;
	for (; end && p < end; p++)
		if (*p != '\n')
			*p = ' ';
}
