/* mime.c - a mail as bytes: header fields, and a body of parts
 *
 * What this room is for: the order of things in a message; how each is written is mime_field.c's and mime_body.c's.
 * What flows through:    a struct mail; its bytes, appended.
 *
 *   header fields  Date From Sender Reply-To To Cc Subject Message-ID, the caller's, MIME-Version
 *   body           put_mixed -> put_related -> put_alternative -> put_text
 *                  each writes its Content-Type, then what it holds between boundaries; who holds one thing only is left out
 *
 * What must hold:
 *  (1) everything was checked before the first byte is written (mime_check.c); what fails after that is memory or the ceiling, and leaves
 *      `out` as it was.
 *  (2) a boundary begins with "=_": neither quoted-printable nor base64 can have that. Text that stays as it is is searched for it.
 *  (3) a part's last line break belongs to the part; the one before a boundary to the boundary (RFC 2046 5.1.1). */
#include "base/clock.h"
#include "io/checksum.h"
#include "io/mime.h"
#include "io/mail/mime_body.h"
#include "io/mail/mime_field.h"
#include <errno.h>
#include <string.h>

enum { NAME_MOST = 60, ENDING_MOST = 10 }; /* of a file's name in ASCII */

struct body {             /* text or HTML, ready to be written */
	struct buf lines; /* owns */
	enum mime_coding coding;
};

struct writer {
	const struct mail *mail;
	struct mime_field field; /* its `r` is everybody's */
	struct body text, html;
	char boundary[32]; /* its first letter says whose: m, r, a */
};

/* ---- header fields ----------------------------------------------------------------------------------------- */

static void put_address(struct mime_field *f, const struct mail_address *a, const char *before,
			const char *behind)
{
	AUTO(buf_done) struct buf text = { .max = 1024 };
	bool named = a->name.n > 0;
	if (*before)
		field_glue(f, slice_str(before));
	if (named)
		field_phrase(f, a->name);
	int r = buf_printf(&text, named ? "<%.*s>%s" : "%.*s%s", SLICE(a->mailbox), behind);
	field_word(f, buf_slice(&text));
	f->r = f->r ? f->r : r;
}

static void put_addresses(struct mime_field *f, const char *name, const struct mail_address *list,
			  size_t n)
{
	if (n == 0 || !list[0].mailbox.n)
		return;
	field_begin(f, slice_str(name));
	for (size_t i = 0; i < n; i++)
		put_address(f, &list[i], "", i + 1 < n ? "," : "");
	field_end(f);
}

/* "Mon, 23 Nov 2026 08:26:21 +0000" (RFC 5322 3.3) */
static void put_date(struct mime_field *f, int64_t ns)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct date d = { 0 };
	char text[64];
	int64_t s = ns / 1000000000 - (ns % 1000000000 < 0);
	int64_t day = s / 86400 - (s % 86400 < 0), rest = s - day * 86400;
	date_from_days(day, &d);
	snprintf(text, sizeof(text), " %s, %d %s %04d %02d:%02d:%02d +0000",
		 days[((day % 7) + 7) % 7], d.day, months[d.month - 1], (int)d.year,
		 (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
	field_begin(f, S("Date"));
	field_glue(f, slice_str(text));
	field_end(f);
}

static void put_text_field(struct mime_field *f, struct slice name, struct slice value)
{
	field_begin(f, name);
	field_text(f, value);
	field_end(f);
}

static void put_id(struct mime_field *f, const char *name, struct slice id)
{
	if (!id.n)
		return;
	field_begin(f, slice_str(name));
	field_glue(f, S(" <"));
	field_glue(f, id);
	field_glue(f, S(">"));
	field_end(f);
}

static void put_headers(struct writer *w)
{
	const struct mail *m = w->mail;
	struct mime_field *f = &w->field;
	put_date(f, m->date_ns);
	put_addresses(f, "From", &m->from, 1);
	put_addresses(f, "Sender", &m->sender, 1);
	put_addresses(f, "Reply-To", &m->reply_to, 1);
	put_addresses(f, "To", m->to, m->to_n);
	if (!m->to_n && !m->cc_n)
		put_text_field(f, S("To"), S("undisclosed-recipients:;"));
	put_addresses(f, "Cc", m->cc, m->cc_n);
	put_text_field(f, S("Subject"), m->subject);
	put_id(f, "Message-ID", m->message_id);
	for (size_t i = 0; i < m->headers_n; i++)
		put_text_field(f, m->headers[i].name, m->headers[i].value);
	put_text_field(f, S("MIME-Version"), S("1.0"));
}

/* ---- boundaries ---------------------------------------------------------------------------------------------- */

static bool occurs(const struct writer *w, const struct body *b)
{
	const char *core = w->boundary + 3;
	return b->coding == MIME_7BIT && b->lines.n &&
	       memmem(b->lines.p, b->lines.n, core, strlen(core)) != NULL;
}

/* "=_m" and 24 digits, from the texts, the subject and the Message-ID. */
static int make_boundary(struct writer *w)
{
	const struct mail *m = w->mail;
	const struct slice parts[] = { m->subject, m->message_id, buf_slice(&w->text.lines),
				       buf_slice(&w->html.lines) };
	for (unsigned salt = 0; salt == 0 || occurs(w, &w->text) || occurs(w, &w->html); salt++) {
		struct checksum sum;
		uint8_t digest[SHA256_BYTES];
		AUTO(buf_done) struct buf hex = { .max = 128 };
		int r = checksum_init(&sum, CHECKSUM_SHA256);
		if (r < 0)
			return r;
		checksum_add(&sum, (struct slice){ (const char *)&salt, sizeof(salt) });
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			checksum_add(&sum, parts[i]);
		checksum_end(&sum, digest);
		r = checksum_put_hex(digest, 12, &hex);
		if (r < 0)
			return r;
		snprintf(w->boundary, sizeof(w->boundary), "=_m%s", hex.p);
	}
	return 0;
}

static void put_boundary(struct writer *w, char which, bool last)
{
	w->boundary[2] = which;
	field_glue(&w->field, S("\r\n--"));
	field_glue(&w->field, slice_str(w->boundary));
	field_glue(&w->field, last ? S("--\r\n") : S("\r\n"));
}

/* Content-Type of what holds parts, and the boundary before the first. */
static void begin_parts(struct writer *w, char which, const char *type, const char *of)
{
	struct mime_field *f = &w->field;
	w->boundary[2] = which;
	field_begin(f, S("Content-Type"));
	field_word(f, slice_str(type));
	if (of)
		field_param(f, "type", slice_str(of));
	field_param(f, "boundary", slice_str(w->boundary));
	field_end(f);
	put_boundary(w, which, false);
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static void put_body(struct writer *w, struct slice s, enum mime_coding coding)
{
	struct mime_field *f = &w->field;
	field_begin(f, S("Content-Transfer-Encoding"));
	field_word(f, slice_str(mime_coding_name(coding)));
	field_end(f);
	field_end(f);
	if (f->r == 0)
		f->r = mime_put_body(s, coding, f->out);
}

static void put_leaf(struct writer *w, const char *type, const struct body *b)
{
	struct mime_field *f = &w->field;
	field_begin(f, S("Content-Type"));
	field_word(f, slice_str(type));
	field_param(f, "charset", S("utf-8"));
	field_end(f);
	put_body(w, buf_slice(&b->lines), b->coding);
}

static void put_alternative(struct writer *w)
{
	const struct mail *m = w->mail;
	if (!m->text.n || !m->html.n) {
		put_leaf(w, m->text.n ? "text/plain" : "text/html",
			 m->text.n ? &w->text : &w->html);
		return;
	}
	begin_parts(w, 'a', "multipart/alternative", NULL);
	put_leaf(w, "text/plain", &w->text);
	put_boundary(w, 'a', false);
	put_leaf(w, "text/html", &w->html);
	put_boundary(w, 'a', true);
}

/* One '_' for each character that is not plain. */
static size_t put_ascii(struct slice s, char *out, size_t room)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < room; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x80 && c < 0xc0)
			continue; /* within a character */
		out[n++] = c > ' ' && c < 0x7f && !strchr("\"\\=?", c) ? (char)c : '_';
	}
	return n;
}

/* For programs that know no RFC 2231: short, ASCII, with the ending that says what it is. */
static struct slice ascii_name(struct slice s, char out[NAME_MOST])
{
	const char *dot = s.n ? memrchr(s.p, '.', s.n) : NULL;
	struct slice ending = dot ? slice_from(s, (size_t)(dot - s.p)) : (struct slice){ 0 };
	if (ending.n > ENDING_MOST)
		ending.n = 0;
	s.n -= ending.n;
	size_t n = put_ascii(s, out, NAME_MOST - ending.n);
	return (struct slice){ out, n + put_ascii(ending, out + n, NAME_MOST - n) };
}

/* What holds other messages or parts must not be encoded (RFC 2046 5.1, 5.2.1); as bytes it arrives as it is. */
static struct slice type_of(const struct mail_part *p)
{
	if (!p->type.n || slice_eq_nocase(slice_head(p->type, 10), S("multipart/")) ||
	    slice_eq_nocase(slice_head(p->type, 8), S("message/")))
		return S("application/octet-stream");
	return p->type;
}

static void put_part(struct writer *w, const struct mail_part *p, bool within)
{
	struct mime_field *f = &w->field;
	char name[NAME_MOST];
	bool plain = field_param_is_plain(p->filename);
	field_begin(f, S("Content-Type"));
	field_word(f, type_of(p));
	if (p->filename.n)
		field_param(f, "name", plain ? p->filename : ascii_name(p->filename, name));
	field_end(f);
	field_begin(f, S("Content-Disposition"));
	field_word(f, within ? S("inline") : S("attachment"));
	if (p->filename.n)
		field_param(f, "filename", p->filename);
	field_end(f);
	put_id(f, "Content-ID", p->content_id);
	put_body(w, p->data, MIME_BASE64);
}

/* Pictures are shown within the HTML; without HTML they are attachments like any other. */
static bool is_within(const struct mail *m, const struct mail_part *p)
{
	return p->content_id.n > 0 && m->html.n > 0;
}

static size_t count_parts(const struct mail *m, bool within)
{
	size_t n = 0;
	for (size_t i = 0; i < m->parts_n; i++)
		n += is_within(m, &m->parts[i]) == within;
	return n;
}

static void put_parts(struct writer *w, char which, bool within)
{
	const struct mail *m = w->mail;
	for (size_t i = 0; i < m->parts_n; i++) {
		if (is_within(m, &m->parts[i]) != within)
			continue;
		put_boundary(w, which, false);
		put_part(w, &m->parts[i], within);
	}
	put_boundary(w, which, true);
}

static void put_related(struct writer *w)
{
	const struct mail *m = w->mail;
	if (!count_parts(m, true)) {
		put_alternative(w);
		return;
	}
	begin_parts(w, 'r', "multipart/related", m->text.n ? "multipart/alternative" : "text/html");
	put_alternative(w);
	put_parts(w, 'r', true);
}

static void put_mixed(struct writer *w)
{
	if (!count_parts(w->mail, false)) {
		put_related(w);
		return;
	}
	begin_parts(w, 'm', "multipart/mixed", NULL);
	put_related(w);
	put_parts(w, 'm', false);
}

/* ---- all together ---------------------------------------------------------------------------------------------------- */

static int prepare(struct body *b, struct slice text, size_t max)
{
	b->lines.max = max;
	int r = mime_put_lines(text, &b->lines);
	b->coding = mime_text_coding(buf_slice(&b->lines));
	return r;
}

static int put_all(struct writer *w)
{
	const struct mail *m = w->mail;
	struct buf *out = w->field.out;
	size_t max = out->max ? out->max : BUF_DEFAULT_MAX;
	int r = prepare(&w->text, m->text, max);
	if (r == 0)
		r = prepare(&w->html, m->html, max);
	if (r == 0)
		r = make_boundary(w);
	if (r < 0)
		return r;
	put_headers(w);
	put_mixed(w);
	if (w->field.r == 0 && !slice_ends(buf_slice(out), S("\r\n")))
		field_glue(&w->field, S("\r\n"));
	return w->field.r;
}

int mail_put(const struct mail *m, struct buf *out, struct err *err)
{
	struct writer w = { .mail = m, .field.out = out };
	size_t before = out->n;
	if (mail_check(m, err) < 0)
		return -1;
	int r = put_all(&w);
	buf_done(&w.text.lines);
	buf_done(&w.html.lines);
	if (r == 0)
		return 0;
	buf_truncate(out, before);
	if (r == -EMSGSIZE)
		return fail(err, FAULT_TOO_LARGE, "the mail has more than %zu bytes",
			    out->max ? out->max : (size_t)BUF_DEFAULT_MAX);
	return fail_errno(err, FAULT_IO, r, "no memory for a mail");
}
