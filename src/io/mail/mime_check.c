/* mime_check.c - what may stand in a mail, looked at before a byte of it is written
 *
 * What this room is for: values come from records, and records from strangers. Whatever could begin another header field, another part or
 *   another mail is refused here, with the name of the field it came by.
 * What flows through:    a struct mail; a sentence about the first thing that is wrong with it.
 * What must hold:
 *  (1) after mail_check every text is valid UTF-8 without CR, LF and NUL; every mailbox is one; every header name is a name, and none
 *      of those that mime.c makes.
 *  (2) types, Content-IDs and Message-IDs are what their fields' grammars allow, so that they can stand there as they are. */
#include "base/utf8.h"
#include "io/mail/address.h"
#include "io/mime.h"
#include <string.h>

static int check_text(struct slice s, const char *field, struct err *err)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == 0)
			return fail(err, FAULT_BAD_VALUE,
				    "%s: a line break or NUL in it could begin another header "
				    "field",
				    field);
	return utf8_valid(s) ? 0 : fail(err, FAULT_BAD_VALUE, "%s: not valid UTF-8", field);
}

static int check_address(const struct mail *m, const struct mail_address *a, const char *field,
			 struct err *err)
{
	if (check_text(a->name, field, err) < 0)
		return -1;
	if (mail_mailbox_check(a->mailbox, err) < 0)
		return err_wrap(err, "%s", field);
	if (!m->utf8 && mail_needs_utf8(a))
		return fail(err, FAULT_BAD_VALUE,
			    "%s: '%.*s' needs a mail server that takes addresses in UTF-8 "
			    "(SMTPUTF8)",
			    field, SLICE(slice_head(a->mailbox, 120)));
	return 0;
}

static int check_list(const struct mail *m, const struct mail_address *list, size_t n,
		      const char *field, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (check_address(m, &list[i], field, err) < 0)
			return -1;
	return 0;
}

static int check_addresses(const struct mail *m, struct err *err)
{
	if (!m->from.mailbox.n)
		return fail(err, FAULT_BAD_VALUE, "from: a mail has a sender");
	if (check_address(m, &m->from, "from", err) < 0)
		return -1;
	if (m->sender.mailbox.n && check_address(m, &m->sender, "sender", err) < 0)
		return -1;
	if (m->reply_to.mailbox.n && check_address(m, &m->reply_to, "reply_to", err) < 0)
		return -1;
	return check_list(m, m->to, m->to_n, "to", err) < 0 ||
			       check_list(m, m->cc, m->cc_n, "cc", err) < 0
		       ? -1
		       : 0;
}

/* ---- identifiers ---------------------------------------------------------------------------------------- */

/* Between "<" and ">": what can be seen, and neither of the two, nor what begins a comment or a quotation. */
static int check_id(struct slice s, const char *field, struct err *err)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("<>()[]\\,;:\"", s.p[i]))
			return fail(
				err, FAULT_BAD_VALUE,
				"%s: only letters, digits and !#$%%&'*+-/=?^_`{|}~.@ may stand in "
				"it",
				field);
	return s.n <= 250 ? 0 : fail(err, FAULT_BAD_VALUE, "%s: more than 250 bytes", field);
}

static bool is_token_char(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static struct slice cut_token(struct slice *s)
{
	size_t n = 0;
	while (n < s->n && is_token_char(s->p[n]))
		n++;
	struct slice token = slice_head(*s, n);
	*s = slice_from(*s, n);
	return token;
}

/* Cuts ; name=value off. */
static bool cut_parameter(struct slice *s)
{
	struct slice name;
	*s = slice_trim(slice_from(*s, 1));
	name = cut_token(s);
	if (!name.n || !slice_starts(*s, S("=")))
		return false;
	*s = slice_from(*s, 1);
	if (!slice_starts(*s, S("\""))) {
		bool some = cut_token(s).n > 0;
		*s = slice_trim(*s);
		return some;
	}
	size_t i = 1;
	while (i < s->n && s->p[i] != '"' && s->p[i] != '\\' && s->p[i] >= ' ' && s->p[i] < 0x7f)
		i++;
	if (i >= s->n || s->p[i] != '"')
		return false;
	*s = slice_trim(slice_from(*s, i + 1));
	return true;
}

/* type/subtype, parameters in ASCII (RFC 2045 section 5.1). */
static bool is_type(struct slice s)
{
	if (s.n > 200 || !cut_token(&s).n || !slice_starts(s, S("/")))
		return false;
	s = slice_from(s, 1);
	if (!cut_token(&s).n)
		return false;
	s = slice_trim(s);
	while (s.n > 0)
		if (s.p[0] != ';' || !cut_parameter(&s))
			return false;
	return true;
}

static int check_part(const struct mail_part *p, struct err *err)
{
	if (check_text(p->type, "attach: the type", err) < 0)
		return -1;
	if (p->type.n && !is_type(p->type))
		return fail(err, FAULT_BAD_VALUE, "attach: the type is none like image/png");
	if (check_text(p->filename, "attach: the file name", err) < 0)
		return -1;
	if (p->filename.n > 1000)
		return fail(err, FAULT_BAD_VALUE,
			    "attach: the file name has more than 1,000 bytes");
	return check_id(p->content_id, "attach: the Content-ID", err);
}

/* ---- header fields of the caller's ------------------------------------------------------------------------ */

static bool is_made_here(struct slice name)
{
	static const char *const names[] = {
		"From",    "Sender", "Reply-To", "To",         "Cc",          "Bcc",
		"Subject", "Date",   "Received", "Message-ID", "Return-Path", "MIME-Version"
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return true;
	return name.n >= 8 && slice_eq_nocase(slice_head(name, 8), S("Content-"));
}

static int check_header(const struct mail_header *h, struct err *err)
{
	char field[120];
	bool good = h->name.n > 0 && h->name.n <= 76;
	for (size_t i = 0; i < h->name.n; i++)
		good &= h->name.p[i] > ' ' && h->name.p[i] < 0x7f && h->name.p[i] != ':';
	if (!good)
		return fail(
			err, FAULT_BAD_VALUE,
			"headers: a name of 1 to 76 ASCII characters without blank and colon is "
			"needed");
	snprintf(field, sizeof(field), "headers: '%.*s'", SLICE(h->name));
	if (is_made_here(h->name))
		return fail(err, FAULT_BAD_VALUE,
			    "%s is made from the mail's own fields, or by mail servers", field);
	return check_text(h->value, field, err);
}

int mail_check(const struct mail *m, struct err *err)
{
	if (check_addresses(m, err) < 0 || check_text(m->subject, "subject", err) < 0 ||
	    check_id(m->message_id, "message_id", err) < 0)
		return -1;
	for (size_t i = 0; i < m->headers_n; i++)
		if (check_header(&m->headers[i], err) < 0)
			return -1;
	for (size_t i = 0; i < m->parts_n; i++)
		if (check_part(&m->parts[i], err) < 0)
			return -1;
	if (!m->text.n && !m->html.n)
		return fail(err, FAULT_BAD_VALUE, "a mail has text or html, or both");
	if (!utf8_valid(m->text) || !utf8_valid(m->html))
		return fail(err, FAULT_BAD_VALUE, "%s: not valid UTF-8",
			    utf8_valid(m->text) ? "html" : "text");
	return 0;
}
