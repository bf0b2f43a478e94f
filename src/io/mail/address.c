/* address.c - mail addresses: read strictly, one at a time (RFC 5322 section 3.4, RFC 5321 4.1.2, RFC 6531 3.3)
 *
 * What this room is for: text from records that is to stand in an envelope and in header fields. What we read as one mailbox must be one
 *   mailbox to everybody who reads it after us.
 * What flows through:
 *
 *     [ phrase "<" ] local "@" domain [ ">" ]        phrase: atoms and "quoted words"
 *     local  = atom *( "." atom )  |  "quoted"
 *     domain = label *( "." label )  |  "[" address "]"      in UTF-8: becomes A-labels (idna.h)
 *
 * What must hold:
 *  (1) no control, no broken UTF-8, nothing that begins another address, a comment or a route passes.
 *  (2) what need not change is borrowed from the text; the rest lies in `storage`. */
#include "io/mail/address.h"
#include "base/utf8.h"
#include "io/mail/idna.h"
#include <string.h>

#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1.3, without the angle brackets */
#define LOCAL_MAX   64
#define LABEL_MAX   63
#define SHOWN_MAX   120

struct parts {
	struct slice local, domain;
};

/* ---- telling --------------------------------------------------------------------------------------------- */

/* Shows the address, as far as it may be shown. */
static int refuse(struct err *err, struct slice text, const char *why)
{
	char shown[SHOWN_MAX + 1];
	struct slice s = utf8_head(text, SHOWN_MAX);
	for (size_t i = 0; i < s.n; i++)
		shown[i] = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i];
	shown[s.n] = 0;
	return fail(err, FAULT_BAD_VALUE, "'%s%s' is no mail address: %s", shown,
		    s.n < text.n ? "..." : "", why);
}

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

bool mail_is_atext(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* What stands where only atoms and blanks may. */
static const char *why_not(char c)
{
	switch (c) {
	case ',':
	case ';':
		return "write one address, not a list; a name with a comma needs quotation marks";
	case ':':
		return "groups and routes are none; a name with a colon needs quotation marks";
	case '(':
	case ')':
		return "comments are not read; a name with a parenthesis needs quotation marks";
	case '"':
		return "a quotation mark is never closed, or stands within a word";
	case '<':
	case '>':
		return "an angle bracket stands where none can";
	case '@':
		return "there is an @ too many; a name with one needs quotation marks";
	default:
		return "a character stands there that needs quotation marks";
	}
}

/* ---- local@domain ------------------------------------------------------------------------------------------- */

/* A quoted string at the front of s: bytes to the closing mark, both included; 0: never closed. */
static size_t quoted_size(struct slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Atoms and dots between them; NULL, or why it is none. */
static const char *check_local(struct slice s)
{
	bool dot = true;
	for (size_t i = 0; i < s.n; i++) {
		bool is_dot = s.p[i] == '.';
		if (is_dot && dot)
			return "before the @ a dot stands at the beginning, or behind another";
		if (s.p[i] == ' ')
			return "there is a blank within it";
		if (!is_dot && !mail_is_atext((unsigned char)s.p[i]))
			return why_not(s.p[i]);
		dot = is_dot;
	}
	return s.n == 0 ? "there is nothing before the @"
	       : dot    ? "before the @ the last character is a dot"
			: NULL;
}

static const char *cut_parts(struct slice text, struct parts *ret)
{
	if (slice_starts(text, S("\""))) {
		size_t n = quoted_size(text);
		if (n == 0 || n >= text.n || text.p[n] != '@')
			return why_not('"');
		*ret = (struct parts){ slice_head(text, n), slice_from(text, n + 1) };
		return NULL;
	}
	if (!slice_cut(text, '@', &ret->local, &ret->domain))
		return "there is no @ in it";
	return check_local(ret->local);
}

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || (unsigned char)c >= 0x80;
}

static const char *check_label(struct slice s)
{
	if (s.n == 0)
		return "its domain has a dot too many";
	if (s.n > LABEL_MAX && is_ascii(s))
		return "a part of its domain has more than 63 bytes";
	if (s.p[0] == '-' || s.p[s.n - 1] == '-')
		return "a part of its domain begins or ends with a hyphen";
	for (size_t i = 0; i < s.n; i++)
		if (!is_label_char(s.p[i]))
			return s.p[i] == ' ' ? "there is a blank within it"
			       : strchr(",;:()\"<>@", s.p[i])
				       ? why_not(s.p[i])
				       : "its domain has a character that no domain has";
	return NULL;
}

/* "[127.0.0.1]", "[IPv6:::1]" */
static const char *check_literal(struct slice s)
{
	for (size_t i = 1; i + 1 < s.n; i++)
		if (!is_label_char(s.p[i]) && s.p[i] != '.' && s.p[i] != ':')
			return "between [ and ] no address stands";
	return s.n > 2 && s.p[s.n - 1] == ']' && is_ascii(s) ? NULL
							     : "between [ and ] no address stands";
}

static const char *check_domain(struct slice s)
{
	const char *why = NULL;
	struct slice label;
	if (s.n == 0)
		return "there is nothing behind the @";
	if (s.p[0] == '[')
		return check_literal(s);
	for (bool more = true; more && !why;) {
		more = slice_cut(s, '.', &label, &s);
		why = check_label(label);
	}
	return why;
}

static const char *check_size(const struct parts *p)
{
	if (p->local.n > LOCAL_MAX)
		return "before the @ stand more than 64 bytes";
	return p->local.n + 1 + p->domain.n > ADDRESS_MAX ? "it has more than 254 bytes" : NULL;
}

static const char *check_mailbox(struct slice text, struct parts *ret)
{
	const char *why = has_control(text)   ? "there is a control in it"
			  : !utf8_valid(text) ? "it is not valid UTF-8"
					      : cut_parts(text, ret);
	if (!why)
		why = check_domain(ret->domain);
	return why ? why : check_size(ret);
}

int mail_mailbox_check(struct slice mailbox, struct err *err)
{
	struct parts p;
	const char *why = check_mailbox(mailbox, &p);
	return why ? refuse(err, mailbox, why) : 0;
}

bool mail_needs_utf8(const struct mail_address *a)
{
	return !is_ascii(a->mailbox);
}

/* local@A-labels, into storage. */
static int to_ascii(struct slice text, struct parts *p, struct slice *ret, struct buf *storage,
		    struct err *err)
{
	size_t before = storage->n;
	AUTO(buf_done) struct buf domain = { .max = 4096 };
	const char *why = idna_to_ascii(p->domain, &domain);
	if (!why) {
		p->domain = buf_slice(&domain);
		why = check_domain(p->domain);
	}
	if (!why)
		why = check_size(p);
	if (why)
		return refuse(err, text, why);
	if (buf_add(storage, p->local) < 0 || buf_add_char(storage, '@') < 0 ||
	    buf_add(storage, p->domain) < 0)
		return refuse(err, text, "there is no room for it");
	*ret = slice_from(buf_slice(storage), before);
	return 0;
}

/* ---- the name ------------------------------------------------------------------------------------------------- */

/* Without marks and backslashes, which are there: quoted_size() has seen the end. */
static int put_unquoted(struct slice s, struct buf *out)
{
	int r = 0;
	for (size_t i = 1; r == 0 && i + 1 < s.n; i++) {
		i += s.p[i] == '\\';
		r = buf_add_char(out, s.p[i]);
	}
	return r;
}

static size_t atom_size(struct slice s)
{
	size_t n = 0;
	while (n < s.n && (mail_is_atext((unsigned char)s.p[n]) || s.p[n] == '.'))
		n++;
	return n;
}

/* Words with one blank between, without their marks. NULL, or why not. */
static const char *put_phrase(struct slice s, struct buf *out)
{
	for (bool first = true; s.n > 0; first = false) {
		bool quoted = s.p[0] == '"';
		size_t n = quoted ? quoted_size(s) : atom_size(s);
		if (n == 0)
			return why_not(s.p[0]);
		if (n < s.n && s.p[n] != ' ')
			return why_not(s.p[n]);
		if ((!first && buf_add_char(out, ' ') < 0) ||
		    (quoted ? put_unquoted(slice_head(s, n), out)
			    : buf_add(out, slice_head(s, n))) < 0)
			return "there is no room for its name";
		s = slice_trim(slice_from(s, n));
	}
	return NULL;
}

static bool is_plain_phrase(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == ' ' ? s.p[i + 1] == ' '
				  : s.p[i] != '.' && !mail_is_atext((unsigned char)s.p[i]))
			return false;
	return true;
}

static const char *take_phrase(struct slice s, struct slice *ret, struct buf *storage)
{
	size_t before = storage->n;
	*ret = s;
	if (is_plain_phrase(s))
		return NULL;
	const char *why = put_phrase(s, storage);
	if (why)
		buf_truncate(storage, before);
	*ret = slice_from(buf_slice(storage), before);
	return why;
}

/* Where the '<' stands that is not in quotation marks; s.n: nowhere. */
static size_t find_angle(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '<')
			return i;
		if (s.p[i] == '"') {
			size_t n = quoted_size(slice_from(s, i));
			if (n == 0)
				return s.n;
			i += n - 1;
		}
	}
	return s.n;
}

/* ---- all together ------------------------------------------------------------------------------------------------ */

/* A line break at the end is a control like any other. */
static struct slice trim_blanks(struct slice s)
{
	while (s.n > 0 && s.p[0] == ' ')
		s = slice_from(s, 1);
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

int mail_address_parse(struct slice text, struct mail_address *ret, struct buf *storage,
		       struct err *err)
{
	struct slice whole = trim_blanks(text), name = { 0 };
	struct parts p;
	const char *why = NULL;
	*ret = (struct mail_address){ 0 };
	if (has_control(whole))
		return refuse(err, whole, "there is a control in it");
	if (!utf8_valid(whole))
		return refuse(err, whole, "it is not valid UTF-8");
	/* Room for the whole of it, so that the name stays where it is when the domain comes behind it. */
	if (buf_reserve(storage, MAIL_ADDRESS_ROOM(whole)) < 0)
		return refuse(err, whole, "there is no room for it");
	ret->mailbox = whole;
	size_t angle = find_angle(whole);
	if (angle < whole.n && whole.p[whole.n - 1] != '>')
		return refuse(err, whole, "behind '<' there is no '>' at its end");
	if (angle < whole.n) {
		name = slice_trim(slice_head(whole, angle));
		ret->mailbox = slice_head(slice_from(whole, angle + 1), whole.n - angle - 2);
		why = take_phrase(name, &ret->name, storage);
	}
	if (!why)
		why = check_mailbox(ret->mailbox, &p);
	if (why)
		return refuse(err, whole, why);
	return is_ascii(p.domain) ? 0 : to_ascii(whole, &p, &ret->mailbox, storage, err);
}
