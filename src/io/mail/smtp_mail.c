/* smtp_mail.c - one mail on a connection: envelope, message, and what the server says to each
 *
 * What this room is for: to know at each moment who would get the mail if nothing more were said, and to say nothing more in time.
 * What flows through:    commands in batches, replies in the same order, the message in blocks.
 *
 *     server pipelines, one recipient or `partial`     MAIL RCPT... DATA | replies        | message . | reply
 *     server pipelines, several who belong together    MAIL RCPT...      | replies, DATA  | 354 | message . | reply
 *     server does not                                  one command, one reply
 *
 *     DATA was asked for too early (no recipient is left): 503, 554: RSET
 *                                                          354: a lone dot, which RFC 2920 3.1 asks for, and its no
 *
 * What must hold:
 *  (1) the message's end is written only when the envelope is the one that was asked for: all recipients accepted, or `partial` and one
 *      of them. DATA is never pipelined where a refusal among several would forbid the mail.
 *  (2) err.sent is true from the moment the last block has left until a reply comes. A write that failed did not take the last byte,
 *      and without that nobody has the message's end.
 *  (3) not more than BATCH commands wait for replies: who only writes, to a server that only writes, stands still (RFC 2920 3.1).
 *  (4) a line of the message that begins with a dot gets another one, also across blocks. */
#include "base/units.h"
#include "io/mail/address.h"
#include "io/mail/smtp_.h"
#include <errno.h>
#include <hocket/scope.h>

#define BATCH      64
#define LINE_BYTES 998 /* RFC 5321 4.5.3.1.6 */

/* ---- before anything is said ----------------------------------------------------------------------------- */

static int check_line(struct slice line, size_t number, struct err *err)
{
	if (memchr(line.p, '\n', line.n) || memchr(line.p, '\r', line.n))
		return fail(err, FAULT_BAD_VALUE,
			    "the message has a line break that is not CR LF in line %zu", number);
	if (memchr(line.p, 0, line.n))
		return fail(err, FAULT_BAD_VALUE, "the message has a NUL in line %zu", number);
	if (line.n > LINE_BYTES)
		return fail(err, FAULT_BAD_VALUE,
			    "line %zu of the message has %zu bytes; a mail's have 998 at most",
			    number, line.n);
	return 0;
}

static bool has_eight_bit(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

static int check_message(struct slice message, struct err *err)
{
	const char *p = message.p, *end = p + message.n;
	for (size_t number = 1; p < end; number++) {
		const char *next = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (!next)
			return fail(err, FAULT_BAD_VALUE, "the message does not end with CR LF");
		if (check_line((struct slice){ p, (size_t)(next - p) }, number, err) < 0)
			return -1;
		p = next + 2;
	}
	return message.n ? 0 : fail(err, FAULT_BAD_VALUE, "the message is empty");
}

int smtp_mail_check(const struct smtp_mail *m, struct smtp_traits *ret, struct err *err)
{
	*ret = (struct smtp_traits){ 0 };
	if (m->to_n == 0)
		return fail(err, FAULT_BAD_VALUE, "the mail has no recipient");
	if (m->from.n && mail_mailbox_check(m->from, err) < 0)
		return -1;
	ret->utf8 = has_eight_bit(m->from);
	for (size_t i = 0; i < m->to_n; i++) {
		if (mail_mailbox_check(m->to[i].mailbox, err) < 0)
			return -1;
		ret->utf8 |= has_eight_bit(m->to[i].mailbox);
	}
	if (check_message(m->message, err) < 0)
		return -1;
	ret->eight_bit = has_eight_bit(m->message);
	ret->utf8 |= m->utf8 && ret->eight_bit;
	return 0;
}

/* Against what this server offers. */
static int check_offers(const struct smtp_conn *c, const struct smtp_mail *m,
			const struct smtp_traits *t, struct err *err)
{
	const struct http_origin *o = c->wire->origin;
	if (t->utf8 && !(c->extensions & SMTP_UTF8))
		return fail(err, FAULT_BAD_VALUE,
			    "'%s' port %u takes no addresses in UTF-8 (SMTPUTF8)", o->host,
			    o->port);
	if (t->eight_bit && !(c->extensions & SMTP_8BITMIME))
		return fail(err, FAULT_BAD_VALUE, "'%s' port %u takes no 8-bit messages (8BITMIME)",
			    o->host, o->port);
	if (c->size_most && m->message.n > c->size_most)
		return fail(err, FAULT_TOO_LARGE,
			    "the mail has %zu bytes; '%s' port %u takes at most %llu", m->message.n,
			    o->host, o->port, (unsigned long long)c->size_most);
	return 0;
}

/* ---- the envelope ------------------------------------------------------------------------------------------- */

struct delivery {
	struct smtp_conn *conn;
	struct smtp_mail *mail;
	const struct smtp_traits *traits;
	struct smtp_outcome *ret;
	size_t accepted; /* RCPTs that the server said yes to */
	bool open;       /* it said yes to MAIL */
	bool ready;      /* 354: it waits for the message */
	bool refused;    /* something of the envelope: `verdict` */
	struct err verdict;
};

static bool pipelines(const struct delivery *d)
{
	return d->conn->extensions & SMTP_PIPELINING;
}

/* Commands by number: MAIL, the recipients, DATA. */
static size_t data_number(const struct delivery *d)
{
	return d->mail->to_n + 1;
}

static bool wanted(const struct delivery *d)
{
	return d->open && d->accepted > 0 && (d->mail->partial || d->accepted == d->mail->to_n);
}

static int put_command(const struct delivery *d, size_t number, struct buf *out)
{
	const struct smtp_mail *m = d->mail;
	if (number == data_number(d))
		return buf_add(out, S("DATA"));
	if (number > 0)
		return buf_printf(out, "RCPT TO:<%.*s>", SLICE(m->to[number - 1].mailbox));
	int r = buf_printf(out, "MAIL FROM:<%.*s>", SLICE(m->from));
	if (r == 0 && d->conn->extensions & SMTP_SIZE)
		r = buf_printf(out, " SIZE=%zu", m->message.n);
	if (r == 0 && d->traits->eight_bit)
		r = buf_add(out, S(" BODY=8BITMIME"));
	if (r == 0 && d->traits->utf8)
		r = buf_add(out, S(" SMTPUTF8"));
	return r;
}

static void tell_refusal(const struct delivery *d, size_t number, struct err *err)
{
	AUTO(buf_done) struct buf what = { 0 };
	if (put_command(d, number, &what) < 0)
		buf_clear(&what);
	smtp_conn_refused(d->conn, slice_head(buf_slice(&what), 200), err);
}

/* Keeps the refusal that is told in the end: the first one that is for good, else the first. */
static void note_refusal(struct delivery *d, size_t number)
{
	struct err now = { 0 };
	tell_refusal(d, number, &now);
	if (!d->refused || (d->verdict.code < 500 && now.code >= 500))
		d->verdict = now;
	d->refused = true;
}

/* Texts lie one behind the other in the outcome's storage; where that lies is known when the last one is there. */
static size_t keep_text(struct delivery *d)
{
	struct buf *storage = &d->ret->storage;
	size_t before = storage->n;
	(void)smtp_conn_said(d->conn, storage);
	return storage->n - before;
}

static void settle_texts(struct delivery *d)
{
	struct slice rest = buf_slice(&d->ret->storage);
	for (size_t i = 0; i < d->mail->to_n; i++) {
		struct slice *text = &d->mail->to[i].text;
		*text = slice_head(rest, text->n);
		rest = slice_from(rest, text->n);
	}
	d->ret->text = rest;
}

static void judge_recipient(struct delivery *d, size_t number)
{
	struct smtp_recipient *r = &d->mail->to[number - 1];
	const struct smtp_reply *reply = &d->conn->reply;
	bool yes = smtp_reply_good(reply);
	d->accepted += yes;
	if (!d->open)
		return; /* a 503: the recipient was not asked about */
	r->code = reply->code;
	r->text.n = keep_text(d);
	r->fate = yes ? SMTP_ACCEPTED : reply->code < 500 ? SMTP_REFUSED_FOR_NOW : SMTP_REFUSED;
	if (!yes)
		note_refusal(d, number);
}

static void judge_mail(struct delivery *d)
{
	d->open = smtp_reply_good(&d->conn->reply);
	if (d->open)
		return;
	note_refusal(d, 0);
	if (d->verdict.code == 530) /* "authentication required": for the next mail as well */
		d->verdict.fault = FAULT_CONFIG;
}

static void judge_data(struct delivery *d)
{
	d->ready = d->conn->reply.code == 354;
	if (d->ready || !wanted(d))
		return;
	d->refused = false; /* that some recipients are refused was allowed */
	note_refusal(d, data_number(d));
}

/* The reply to a command by number. -1: the conversation is over. */
static int judge(struct delivery *d, size_t number, struct err *err)
{
	const struct smtp_reply *reply = &d->conn->reply;
	bool data = number == data_number(d);
	bool fits = smtp_reply_no(reply) || (data ? reply->code == 354 : smtp_reply_good(reply));
	if (!fits || d->conn->broken) {
		tell_refusal(d, number, err);
		d->conn->broken = true;
		return -1;
	}
	if (data)
		judge_data(d);
	else if (number > 0)
		judge_recipient(d, number);
	else
		judge_mail(d);
	return 0;
}

static int ask(struct delivery *d, size_t from, size_t end, struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf text = { 0 };
	for (size_t i = from; i < end; i++)
		if (put_command(d, i, &text) < 0 || buf_add(&text, S("\r\n")) < 0)
			return fail(err, FAULT_IO, "no memory for the envelope");
	if (smtp_conn_write(d->conn, buf_slice(&text), err) < 0)
		return -1;
	for (size_t i = from; i < end; i++)
		if (smtp_conn_read(d->conn, d->conn->smtp->options.reply_ns, err) < 0 ||
		    judge(d, i, err) < 0)
			return -1;
	return 0;
}

static int ask_envelope(struct delivery *d, struct err *err) SUSPENDS
{
	const struct smtp_mail *m = d->mail;
	bool early = pipelines(d) && (m->partial || m->to_n == 1);
	size_t last = early ? data_number(d) : m->to_n;
	size_t batch = pipelines(d) ? BATCH : 1;
	size_t end;
	for (size_t from = 0; from <= last; from = end) {
		end = from + batch <= last ? from + batch : last + 1;
		if (ask(d, from, end, err) < 0)
			return -1;
		if (!d->open)
			return 0;
	}
	return early || !wanted(d) ? 0 : ask(d, data_number(d), data_number(d) + 1, err);
}

/* ---- nobody gets it ------------------------------------------------------------------------------------------- */

/* 354 though there is nothing to send. A server that has a recipient all the same would deliver an empty mail: it gets no end. */
static void call_off(struct delivery *d) SUSPENDS
{
	struct err ignored = { 0 };
	if (d->accepted > 0) {
		d->conn->broken = true;
		return;
	}
	(void)(smtp_conn_ask(d->conn, S("."), &ignored) < 0);
	d->open = false;
}

static int give_up(struct delivery *d, struct err *err) SUSPENDS
{
	struct err ignored = { 0 };
	ASSERT(d->refused);
	if (d->ready)
		call_off(d);
	if (d->open && !d->conn->broken && smtp_conn_ask(d->conn, S("RSET"), &ignored) == 0 &&
	    !smtp_reply_good(&d->conn->reply))
		d->conn->broken = true;
	*err = d->verdict;
	return -1;
}

/* ---- the message ------------------------------------------------------------------------------------------------ */

/* As much of the message as fits, dots doubled. Lines end with CR LF, so LF is their end. */
static size_t fill_block(struct slice *rest, bool *at_start, char *block, size_t cap)
{
	size_t n = 0;
	while (rest->n > 0 && n + 2 <= cap) {
		if (*at_start && rest->p[0] == '.')
			block[n++] = '.';
		const char *end = memchr(rest->p, '\n', rest->n);
		size_t line = end ? (size_t)(end - rest->p) + 1 : rest->n;
		struct slice part = slice_head(*rest, line < cap - n ? line : cap - n);
		memcpy(block + n, part.p, part.n);
		n += part.n;
		*rest = slice_from(*rest, part.n);
		*at_start = part.n == line;
	}
	return n;
}

static int write_message(struct delivery *d, struct err *err) SUSPENDS
{
	static const char end[] = ".\r\n";
	struct spare *spare = &d->conn->smtp->spare;
	struct slice rest = d->mail->message;
	bool at_start = true;
	int r = 0;
	while (r == 0 && rest.n > 0) {
		char *block = spare_get(spare);
		size_t n = fill_block(&rest, &at_start, block, SPARE_BYTES - sizeof(end));
		if (rest.n == 0) {
			ASSERT(at_start);
			memcpy(block + n, end, sizeof(end) - 1);
			n += sizeof(end) - 1;
		}
		r = smtp_conn_write(d->conn, (struct slice){ block, n }, err);
		spare_put(spare, block);
	}
	return r;
}

/* A server that hangs up in the middle of the message has often said why. */
static int look_for_reply(struct delivery *d, struct err *err) SUSPENDS
{
	struct smtp_conn *c = d->conn;
	struct err ignored = { 0 };
	if (err->fault == FAULT_RESET &&
	    smtp_conn_read(c, c->smtp->options.reply_ns, &ignored) == 0 && smtp_reply_no(&c->reply))
		smtp_conn_refused(c, S("the message"), err);
	return -1;
}

static int hand_over(struct delivery *d, struct err *err) SUSPENDS
{
	struct smtp_conn *c = d->conn;
	if (write_message(d, err) < 0)
		return look_for_reply(d, err);
	if (smtp_conn_read(c, c->smtp->options.data_ns, err) < 0) {
		err->sent = true;
		return -1;
	}
	if (!smtp_reply_good(&c->reply)) {
		smtp_conn_refused(c, S("the message"), err);
		err->sent = !smtp_reply_no(&c->reply);
		return -1;
	}
	d->ret->code = c->reply.code;
	(void)keep_text(d);
	return 0;
}

int smtp_conn_mail(struct smtp_conn *c, struct smtp_mail *m, const struct smtp_traits *t,
		   struct smtp_outcome *ret, struct err *err)
{
	struct delivery d = { .conn = c, .mail = m, .traits = t, .ret = ret };
	int r;
	c->replies = 0;
	c->mails++;
	if (check_offers(c, m, t, err) < 0)
		return -1;
	r = ask_envelope(&d, err);
	if (r == 0)
		r = d.ready && wanted(&d) ? hand_over(&d, err) : give_up(&d, err);
	settle_texts(&d);
	return r;
}
