/* smtp_talk.c - lines out, replies in, and what to say when that fails
 *
 * What this room is for: every byte of a conversation passes here, under a clock; and every failure is told here, once.
 * What flows through:    commands, whole replies.
 *
 *     write ---- clock: reply_ns ---> wire            read <--- clock: the caller's ---- wire
 *       |                                               |
 *       '-- failed: broken                              '-- failed, garbage, 421: broken
 *
 * What must hold:
 *  (1) a connection on which anything broke off is marked broken, and only closed after that.
 *  (2) what the server says is quoted without the password, should it repeat it.
 *  (3) err.sent is the business of smtp_mail.c alone. */
#include "io/mail/smtp_.h"
#include "io/token.h"
#include <errno.h>
#include <hocket/scope.h>

#define READ_STEP 4096
#define QUIT_NS   HK_SEC

/* ---- telling ------------------------------------------------------------------------------------------ */

static enum fault fault_of(int r)
{
	switch (r) {
	case -EBADMSG:
		return FAULT_TLS;
	case -EKEYREJECTED:
		return FAULT_CERTIFICATE;
	case -ENOMEM:
	case -EBADF:
		return FAULT_IO;
	default:
		return FAULT_RESET;
	}
}

/* The story of a write or a read that failed with r; why: the reply was none. */
static int tell(struct smtp_conn *c, int r, const char *why, enum err_clock clock, struct err *err)
{
	const char *host = c->wire->origin->host;
	unsigned port = c->wire->origin->port;
	c->broken = true;
	if (why)
		return fail(err, FAULT_PROTOCOL, "'%s' port %u sent %s", host, port, why);
	if (r == -ECANCELED)
		return fail_errno(err, FAULT_IO, r, "talking to '%s' port %u", host, port);
	if (r == -ETIMEDOUT) {
		err->clock = clock;
		return fail(err, FAULT_TIMEOUT, "'%s' port %u %s in time", host, port,
			    clock == CLOCK_IDLE ? "does not read what it is sent"
						: "does not answer");
	}
	if (fault_of(r) == FAULT_IO)
		return fail_errno(err, FAULT_IO, r, "talking to '%s' port %u", host, port);
	return fail(err, fault_of(r),
		    r == -EBADMSG        ? "'%s' port %u: TLS went wrong"
		    : r == -EKEYREJECTED ? "'%s' port %u wants a client certificate"
					 : "'%s' port %u closed the connection",
		    host, port);
}

/* Servers have been seen that quote what they were sent. */
static bool shows_secret(const struct smtp_conn *c, struct slice text)
{
	const struct smtp_options *o = &c->smtp->options;
	const struct slice secrets[] = { o->password, o->bearer, c->secret };
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (secrets[i].n >= 4 && text.n &&
		    memmem(text.p, text.n, secrets[i].p, secrets[i].n))
			return true;
	return false;
}

int smtp_conn_said(const struct smtp_conn *c, struct buf *out)
{
	size_t before = out->n;
	int r = smtp_reply_put(&c->reply, out);
	if (r < 0 || shows_secret(c, slice_from(buf_slice(out), before)))
		buf_truncate(out, before);
	return r;
}

int smtp_conn_refused(struct smtp_conn *c, struct slice what, struct err *err)
{
	const struct http_origin *o = c->wire->origin;
	AUTO(buf_done) struct buf text = { 0 };
	(void)smtp_conn_said(c, &text); /* what there is no memory for is not told */
	err->code = c->reply.code;
	err->whole = c->reply.code == 421;
	if (smtp_reply_no(&c->reply))
		return fail(err, FAULT_SMTP, "'%s' port %u says %d %.*s to %.*s", o->host, o->port,
			    c->reply.code, SLICE(slice_head(buf_slice(&text), 200)), SLICE(what));
	c->broken = true;
	return fail(err, FAULT_PROTOCOL, "'%s' port %u says %d %.*s to %.*s", o->host, o->port,
		    c->reply.code, SLICE(slice_head(buf_slice(&text), 200)), SLICE(what));
}

/* ---- talking --------------------------------------------------------------------------------------------- */

int smtp_conn_write(struct smtp_conn *c, struct slice text, struct err *err)
{
	struct hk_scope clock;
	struct iovec iov = { (void *)(uintptr_t)text.p, text.n };
	ASSERT(!c->broken);
	hk_scope_open(&clock, c->smtp->options.reply_ns);
	int r = hk_scope_close(&clock, c->wire->wire->write(c->wire, &iov, 1));
	return r < 0 ? tell(c, r, NULL, CLOCK_IDLE, err) : 0;
}

static int read_more(struct smtp_conn *c) SUSPENDS
{
	int r = c->wire->wire->wait(c->wire);
	if (r < 0)
		return r;
	r = buf_reserve(&c->in, READ_STEP);
	if (r < 0)
		return r;
	ssize_t n = c->wire->wire->read(c->wire, c->in.p + c->in.n, READ_STEP);
	if (n <= 0)
		return n < 0 ? (int)n : -ENODATA;
	buf_added(&c->in, (size_t)n);
	return 0;
}

static int read_reply(struct smtp_conn *c, const char **why) SUSPENDS
{
	smtp_reply_clear(&c->reply);
	for (;;) {
		struct slice rest = buf_slice(&c->in);
		int r = smtp_reply_take(&c->reply, &rest, why);
		buf_consume(&c->in, c->in.n - rest.n);
		if (r == 0)
			r = read_more(c);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

int smtp_conn_read(struct smtp_conn *c, int64_t clock_ns, struct err *err)
{
	struct hk_scope clock;
	const char *why = NULL;
	hk_scope_open(&clock, clock_ns);
	int r = hk_scope_close(&clock, read_reply(c, &why));
	if (r < 0)
		return tell(c, r, why, CLOCK_FIRST_BYTE, err);
	c->replies++;
	c->broken |= c->reply.code == 421;
	return 0;
}

int smtp_conn_ask(struct smtp_conn *c, struct slice line, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	if (buf_reserve(&text, line.n + 2) < 0 || buf_add(&text, line) < 0 ||
	    buf_add(&text, S("\r\n")) < 0)
		return fail(err, FAULT_IO, "no memory for a command");
	if (smtp_conn_write(c, buf_slice(&text), err) < 0)
		return -1;
	return smtp_conn_read(c, c->smtp->options.reply_ns, err);
}

/* The mail before has been answered: whatever becomes of this is nobody's failure. */
void smtp_conn_quit(struct smtp_conn *c)
{
	struct hk_scope patience;
	struct err ignored = { 0 };
	if (c->broken)
		return;
	hk_scope_open_shield(&patience, QUIT_NS);
	(void)hk_scope_close(&patience, smtp_conn_ask(c, S("QUIT"), &ignored));
	c->broken = true;
}
