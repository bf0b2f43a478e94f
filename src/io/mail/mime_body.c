/* mime_body.c - bodies in 7 bits: as they are, quoted-printable or base64
 *
 * What this room is for: the oldest promise of mail is lines of at most 998 bytes of ASCII; everything else is written in those.
 * What flows through:    text whose lines end with CR LF, or any bytes (base64 only).
 *
 *     7bit              ASCII that can be seen, tabs, lines of at most 998
 *     quoted-printable  =C3=BC for a byte; = at a line's end: the line goes on
 *     base64            57 bytes a line
 *
 * What must hold:        see mime_body.h. */
#include "io/mail/mime_body.h"
#include "io/db/db_base64.h"
#include <string.h>

#define SEVEN_BIT_LINE 998
#define QP_LINE        75 /* and the = at its end */
#define BASE64_BYTES   57 /* make 76 digits */

const char *mime_coding_name(enum mime_coding c)
{
	return c == MIME_7BIT ? "7bit" : c == MIME_QP ? "quoted-printable" : "base64";
}

/* ---- lines ------------------------------------------------------------------------------------------------ */

static size_t line_size(struct slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] != '\r' && s.p[n] != '\n')
		n++;
	return n;
}

int mime_put_lines(struct slice s, struct buf *out)
{
	int r = buf_reserve(out, s.n + 2);
	while (r == 0 && s.n > 0) {
		size_t n = line_size(s);
		r = buf_add(out, slice_head(s, n));
		if (r == 0)
			r = buf_add(out, S("\r\n"));
		s = slice_from(s, n);
		if (s.n > 0)
			s = slice_from(s, slice_starts(s, S("\r\n")) ? 2 : 1);
	}
	return r;
}

/* A line without its end, cut off *rest. */
static struct slice cut_line(struct slice *rest)
{
	const char *end = memmem(rest->p, rest->n, "\r\n", 2);
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct slice line = slice_head(*rest, n);
	*rest = slice_from(*rest, end ? n + 2 : n);
	return line;
}

/* ---- choosing ------------------------------------------------------------------------------------------------ */

static bool is_qp_safe(char c)
{
	return (c >= ' ' && c < 0x7f && c != '=') || c == '\t';
}

enum mime_coding mime_text_coding(struct slice s)
{
	size_t n = s.n, escaped = 0, breaks = 0;
	bool seven = true;
	while (s.n > 0) {
		struct slice line = cut_line(&s);
		size_t here = 0;
		for (size_t i = 0; i < line.n; i++) {
			here += !is_qp_safe(line.p[i]);
			seven &= is_qp_safe(line.p[i]) || line.p[i] == '=';
		}
		seven &= line.n <= SEVEN_BIT_LINE;
		escaped += here;
		breaks += (line.n + 2 * here) / (QP_LINE + 1);
	}
	if (seven)
		return MIME_7BIT;
	size_t base64 = (n + 2) / 3 * 4 + n / BASE64_BYTES * 2;
	return n + 2 * escaped + 3 * breaks <= base64 ? MIME_QP : MIME_BASE64;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* Safe bytes at the front, at most so many; a blank at the line's end is not. */
static size_t safe_run(struct slice s, size_t most)
{
	size_t n = 0;
	while (n < s.n && n < most && is_qp_safe(s.p[n]) &&
	       (n + 1 < s.n || (s.p[n] != ' ' && s.p[n] != '\t')))
		n++;
	return n;
}

static int put_qp_line(struct slice s, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t column = 0;
	int r = 0;
	while (r == 0 && s.n > 0) {
		size_t n = safe_run(s, QP_LINE - column);
		r = buf_add(out, slice_head(s, n));
		column += n;
		s = slice_from(s, n);
		if (r < 0 || s.n == 0)
			break;
		bool safe = safe_run(s, 1) == 1;
		if (safe || column + 3 > QP_LINE) {
			r = buf_add(out, S("=\r\n"));
			column = 0;
			continue;
		}
		unsigned char c = (unsigned char)s.p[0];
		char text[3] = { '=', digits[c >> 4], digits[c & 15] };
		r = buf_add(out, (struct slice){ text, 3 });
		column += 3;
		s = slice_from(s, 1);
	}
	return r;
}

static int put_qp(struct slice s, struct buf *out)
{
	int r = 0;
	while (r == 0 && s.n > 0) {
		r = put_qp_line(cut_line(&s), out);
		if (r == 0)
			r = buf_add(out, S("\r\n"));
	}
	return r;
}

static int put_base64(struct slice s, struct buf *out)
{
	int r = buf_reserve(out, (s.n + 2) / 3 * 4 + s.n / BASE64_BYTES * 2 + 8);
	for (bool first = true; r == 0 && s.n > 0; first = false) {
		if (!first)
			r = buf_add(out, S("\r\n"));
		if (r == 0)
			r = db_base64_put(slice_head(s, BASE64_BYTES), out);
		s = slice_from(s, s.n < BASE64_BYTES ? s.n : BASE64_BYTES);
	}
	return r;
}

int mime_put_body(struct slice s, enum mime_coding coding, struct buf *out)
{
	if (coding == MIME_7BIT)
		return buf_add(out, s);
	return coding == MIME_QP ? put_qp(s, out) : put_base64(s, out);
}
