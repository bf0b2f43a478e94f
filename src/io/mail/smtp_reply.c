/* smtp_reply.c - what a mail server answers, line by line
 *
 * What this room is for: to know where a reply ends before anything is made of it. Commands are written many at once; who miscounts the
 *   replies takes one recipient's "no" for another's "yes".
 * What flows through:    bytes as they come; lines out of them; the code and the text of one reply.
 * What must hold:        see smtp_reply.h. */
#include "io/mail/smtp_reply.h"
#include "base/utf8.h"
#include <errno.h>

#define SHOWN_MAX 1000

void smtp_reply_clear(struct smtp_reply *r)
{
	r->code = 0;
	r->bytes = 0;
	r->text.max = SMTP_REPLY_MAX;
	buf_clear(&r->text);
}

void smtp_reply_done(struct smtp_reply *r)
{
	buf_done(&r->text);
}

bool smtp_reply_good(const struct smtp_reply *r)
{
	return r->code >= 200 && r->code <= 299;
}

bool smtp_reply_no(const struct smtp_reply *r)
{
	return r->code >= 400 && r->code <= 599;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int code_of(struct slice line)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !is_digit(line.p[1]) ||
	    !is_digit(line.p[2]))
		return -1;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -EBADMSG;
}

/* A line without its end. 1: the last one. */
static int take_line(struct smtp_reply *r, struct slice line, const char **why)
{
	int code = code_of(line);
	if (code < 0 || (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
		return refuse(why, "a line that does not begin with a reply code");
	if (r->code && code != r->code)
		return refuse(why, "a reply whose lines have different codes");
	r->code = code;
	r->bytes += line.n + 2;
	if (r->bytes > SMTP_REPLY_MAX ||
	    buf_add(&r->text, slice_from(line, line.n > 3 ? 4 : 3)) < 0 ||
	    buf_add_char(&r->text, '\n') < 0)
		return refuse(why, "a reply of more than 64 KiB");
	return line.n <= 3 || line.p[3] == ' ';
}

int smtp_reply_take(struct smtp_reply *r, struct slice *in, const char **why)
{
	struct slice line, rest;
	while (slice_cut(*in, '\n', &line, &rest)) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > SMTP_LINE_MAX)
			return refuse(why, "a line of more than 2,048 bytes");
		*in = rest;
		int last = take_line(r, line, why);
		if (last != 0)
			return last;
	}
	return in->n > SMTP_LINE_MAX + 1 ? refuse(why, "a line of more than 2,048 bytes") : 0;
}

/* ---- what may be shown ----------------------------------------------------------------------------------- */

/* "5.1.1 ", with the blank; 0: there is none (RFC 3463 section 2). */
static size_t enhanced_size(struct slice line)
{
	size_t i = 1;
	if (line.n < 6 || !strchr("245", line.p[0]))
		return 0;
	for (int group = 0; group < 2; group++) {
		size_t from = i + 1;
		if (i >= line.n || line.p[i] != '.')
			return 0;
		for (i = from; i < line.n && i < from + 3 && is_digit(line.p[i]); i++) {
		}
		if (i == from)
			return 0;
	}
	return i < line.n && line.p[i] == ' ' ? i + 1 : 0;
}

/* What is no character, or does something to a terminal, becomes '?'. */
static int put_clean(struct slice s, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
	int r = 0;
	while (r == 0 && p < end) {
		size_t n = *p >= 0x20 && *p < 0x7f ? 1 : *p < 0x80 ? 0 : utf8_size(p, end);
		bool control = n == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* C1 */
		struct slice c = n == 0 || control ? *p == '\t' ? S(" ") : S("?")
						   : (struct slice){ (const char *)p, n };
		r = buf_add(out, c);
		p += n ? n : 1;
	}
	return r;
}

int smtp_reply_put(const struct smtp_reply *reply, struct buf *out)
{
	struct slice rest = slice_head(buf_slice(&reply->text), 2 * SHOWN_MAX), line, first = { 0 };
	AUTO(buf_done) struct buf text = { .max = 16 << 10 };
	for (bool begun = false; rest.n > 0; begun = true) {
		slice_cut(rest, '\n', &line, &rest);
		size_t code = enhanced_size(line);
		if (!begun)
			first = slice_head(line, code);
		else if (first.n && slice_starts(line, first))
			line = slice_from(line, code);
		if (begun && buf_add_char(&text, ' ') < 0)
			return -ENOMEM;
		int r = put_clean(line, &text);
		if (r < 0)
			return r;
	}
	return buf_add(out, utf8_head(slice_trim(buf_slice(&text)), SHOWN_MAX));
}
