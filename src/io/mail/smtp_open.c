/* smtp_open.c - a connection from nothing: greeting, EHLO, STARTTLS, AUTH
 *
 * What this room is for: everything before the first mail.
 * What flows through:
 *
 *   connect --> 220 --> EHLO --> offers? STARTTLS --> 220 --> handshake --> EHLO --> AUTH --> ready
 *                        |5xx          |no, and required: FAULT_CONFIG
 *                       HELO           '-- offered or never: goes on in the open
 *
 * What must hold:
 *  (1) after the handshake nothing is left of what was said in the open: neither extensions nor unread bytes (RFC 3207 section 4.2,
 *      CVE-2011-0411).
 *  (2) what fails here is of the server and not of a mail: err.sent is false, a 4xx has err.whole, and what may pass has err.away. What
 *      a human has to mend (configuration, certificates, a server that speaks something else) has not. */
#include "base/units.h"
#include "io/dns.h"
#include "io/mail/smtp_.h"
#include "io/tls.h"
#include <errno.h>
#include <hocket/scope.h>
#include <stdlib.h>

#define IN_MAX 16384 /* bytes read ahead: a reply's line, and one step of reading */

void smtp_conn_close(struct smtp_conn *c)
{
	if (!c)
		return;
	if (c->wire) {
		struct http_origin *o = c->wire->origin;
		http_conn_close(c->wire);
		http_origin_release(&c->smtp->pool, o);
	}
	buf_done(&c->in);
	smtp_reply_done(&c->reply);
	free(c);
}

static void closep(struct smtp_conn **c)
{
	smtp_conn_close(*c);
}

/* As smtp_conn_refused; a 4xx here says that the server is busy. */
static int refused(struct smtp_conn *c, struct slice what, struct err *err)
{
	smtp_conn_refused(c, what, err);
	err->whole = err->fault == FAULT_SMTP && err->code < 500;
	return -1;
}

/* ---- EHLO ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	unsigned bit;
} extensions[] = {
	{ "PIPELINING", SMTP_PIPELINING }, { "SIZE", SMTP_SIZE },         { "8BITMIME", SMTP_8BITMIME },
	{ "SMTPUTF8", SMTP_UTF8 },         { "STARTTLS", SMTP_STARTTLS }, { "AUTH", SMTP_AUTH },
}, mechanisms[] = {
	{ "PLAIN", SMTP_PLAIN },
	{ "LOGIN", SMTP_LOGIN },
	{ "CRAM-MD5", SMTP_CRAM_MD5 },
	{ "OAUTHBEARER", SMTP_OAUTHBEARER },
	{ "XOAUTH2", SMTP_XOAUTH2 },
};

static void read_mechanisms(struct smtp_conn *c, struct slice words)
{
	struct slice word;
	while (words.n > 0) {
		slice_cut(words, ' ', &word, &words);
		for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++)
			if (slice_eq_nocase(word, slice_str(mechanisms[i].name)))
				c->mechanisms |= mechanisms[i].bit;
	}
}

/* "SIZE 10485760", "AUTH PLAIN LOGIN", and "AUTH=PLAIN LOGIN" of old servers. */
static void read_extension(struct smtp_conn *c, struct slice line)
{
	struct slice word, rest;
	int64_t size;
	slice_cut(slice_trim(line), ' ', &word, &rest);
	if (word.n > 5 && slice_eq_nocase(slice_head(word, 5), S("AUTH="))) {
		read_mechanisms(c, slice_from(slice_trim(line), 5));
		word = S("AUTH");
	}
	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++)
		if (slice_eq_nocase(word, slice_str(extensions[i].name)))
			c->extensions |= extensions[i].bit;
	if (slice_eq_nocase(word, S("AUTH")))
		read_mechanisms(c, rest);
	if (slice_eq_nocase(word, S("SIZE")) && units_int(slice_trim(rest), &size) == 0 && size > 0)
		c->size_most = (uint64_t)size;
}

/* Our end of the connection, as RFC 5321 4.1.3 writes it; in a simulation there is none that the kernel knew. */
static void put_literal(const struct smtp_conn *c, char out[80])
{
	union dns_address a = { 0 };
	socklen_t n = sizeof(a);
	char text[64];
	if (getsockname(c->wire->fd, &a.any, &n) < 0 ||
	    (a.any.sa_family != AF_INET && a.any.sa_family != AF_INET6)) {
		snprintf(out, 80, "[127.0.0.1]");
		return;
	}
	snprintf(out, 80, a.any.sa_family == AF_INET6 ? "[IPv6:%s]" : "[%s]",
		 dns_address_text(&a, text));
}

static int ask_hello(struct smtp_conn *c, const char *verb, struct err *err) SUSPENDS
{
	struct slice hello = c->smtp->options.hello;
	char literal[80];
	AUTO(buf_done) struct buf line = { 0 };
	put_literal(c, literal);
	if (buf_printf(&line, "%s %.*s", verb, SLICE(hello.n ? hello : slice_str(literal))) < 0)
		return fail(err, FAULT_IO, "no memory for a command");
	return smtp_conn_ask(c, buf_slice(&line), err);
}

static int say_hello(struct smtp_conn *c, struct err *err) SUSPENDS
{
	struct slice line, rest;
	c->extensions = c->mechanisms = 0;
	c->size_most = 0;
	if (ask_hello(c, "EHLO", err) < 0)
		return -1;
	bool extended = smtp_reply_good(&c->reply);
	if (c->reply.code >= 500 && ask_hello(c, "HELO", err) < 0)
		return -1;
	if (!smtp_reply_good(&c->reply))
		return refused(c, extended ? S("EHLO") : S("HELO"), err);
	rest = buf_slice(&c->reply.text);
	slice_cut(rest, '\n', &line, &rest); /* whom we talk to */
	while (extended && rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		read_extension(c, line);
	}
	return 0;
}

/* ---- STARTTLS ---------------------------------------------------------------------------------------------- */

static struct http_dial dial_of(struct smtp *s)
{
	return (struct http_dial){ .dns = s->dns,
				   .tls = s->tls,
				   .spare = &s->spare,
				   .pool = &s->pool,
				   .origin = s->origin,
				   .guard = s->options.guard,
				   .clocks = &s->clocks };
}

static int need_tls(struct smtp *s, struct err *err)
{
	if (s->tls)
		return 0;
	if (tls_context_new(s->options.ca_file, &s->tls, err) < 0)
		return -1;
	tls_context_no_alpn(s->tls);
	return 0;
}

static int without_tls(struct smtp_conn *c, struct err *err)
{
	const struct http_origin *o = c->wire->origin;
	if (c->smtp->options.tls != SMTP_TLS_REQUIRED)
		return 0;
	return fail(err, FAULT_CONFIG,
		    "'%s' port %u offers no STARTTLS, which is required: write smtps:// if it "
		    "speaks TLS at once, or starttls: never if the way there is safe",
		    o->host, o->port);
}

static int secure(struct smtp_conn *c, struct err *err) SUSPENDS
{
	struct http_dial dial = dial_of(c->smtp);
	if (http_conn_secure(&dial, c->wire, err) == 0)
		return 0;
	if (err->fault == FAULT_PROTOCOL)
		fail(err, FAULT_PROTOCOL, "'%s' port %u speaks no TLS behind its reply to STARTTLS",
		     c->wire->origin->host, c->wire->origin->port);
	return -1;
}

static int start_tls(struct smtp_conn *c, struct err *err) SUSPENDS
{
	if (!(c->extensions & SMTP_STARTTLS))
		return without_tls(c, err);
	if (smtp_conn_ask(c, S("STARTTLS"), err) < 0)
		return -1;
	if (c->reply.code >= 500)
		return without_tls(c, err);
	if (!smtp_reply_good(&c->reply))
		return refused(c, S("STARTTLS"), err);
	if (c->in.n > 0)
		return fail(
			err, FAULT_PROTOCOL,
			"'%s' port %u sent bytes behind its reply to STARTTLS: somebody may sit "
			"between",
			c->wire->origin->host, c->wire->origin->port);
	if (need_tls(c->smtp, err) < 0)
		return -1;
	return secure(c, err) < 0 ? -1 : say_hello(c, err);
}

/* ---- all together --------------------------------------------------------------------------------------------- */

static int connect_wire(struct smtp *s, struct smtp_conn *c, struct err *err) SUSPENDS
{
	if (s->origin->tls && need_tls(s, err) < 0)
		return -1;
	struct http_dial dial = dial_of(s);
	c->wire = http_conn_open(&dial, err);
	if (c->wire) {
		s->origin->uses++; /* given back by smtp_conn_close */
		return 0;
	}
	if (err->fault == FAULT_PROTOCOL)
		fail(err, FAULT_PROTOCOL,
		     "'%s' port %u does not speak TLS at once: write smtp:// for STARTTLS",
		     s->origin->host, s->origin->port);
	return -1;
}

static int read_greeting(struct smtp_conn *c, struct err *err) SUSPENDS
{
	if (smtp_conn_read(c, c->smtp->options.reply_ns, err) < 0)
		return -1;
	return smtp_reply_good(&c->reply) ? 0 : refused(c, S("our connection"), err);
}

static int open_all(struct smtp *s, struct smtp_conn *c, struct err *err) SUSPENDS
{
	const struct smtp_options *o = &s->options;
	if (connect_wire(s, c, err) < 0 || read_greeting(c, err) < 0 || say_hello(c, err) < 0)
		return -1;
	if ((o->tls == SMTP_TLS_REQUIRED || o->tls == SMTP_TLS_OFFERED) && start_tls(c, err) < 0)
		return -1;
	return o->user.n || o->bearer.n ? smtp_conn_auth(c, err) : 0;
}

static bool may_pass(const struct err *err)
{
	return fault_of_connection(err->fault) || err->fault == FAULT_SMTP;
}

int smtp_conn_open(struct smtp *s, struct smtp_conn **ret, struct err *err)
{
	AUTO(closep) struct smtp_conn *c = xcalloc(1, sizeof(*c));
	*ret = NULL;
	c->smtp = s;
	c->in.max = IN_MAX;
	if (open_all(s, c, err) < 0) {
		err->away = may_pass(err);
		return -1;
	}
	*ret = take(c);
	return 0;
}
