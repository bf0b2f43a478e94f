/* smtp_auth.c - who we are: PLAIN, LOGIN, CRAM-MD5, OAUTHBEARER, XOAUTH2 (RFC 4954, 4616, 2195, 7628)
 *
 * What this room is for: one exchange after EHLO, by the best mechanism that both sides know.
 * What flows through:    secrets, in base64 and out of the memory again.
 *
 *     with TLS         PLAIN, LOGIN, CRAM-MD5        a token: OAUTHBEARER, XOAUTH2
 *     without TLS      CRAM-MD5, PLAIN, LOGIN        only with plain_auth
 *
 * What must hold:
 *  (1) no secret leaves without TLS, but for plain_auth; none is ever in a message.
 *  (2) a refusal that another try would not change is FAULT_CONFIG: no mail can succeed. */
#include "base/buf.h"
#include "io/db/db_base64.h"
#include "io/mail/smtp_.h"
#include "io/token.h"
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { MD5_SIZE = 16 };

static int no_memory(struct err *err)
{
	return fail(err, FAULT_IO, "no memory for a command");
}

/* ---- one step ------------------------------------------------------------------------------------------- */

/* verb, and the secret in base64 behind it. */
static int say(struct smtp_conn *c, const char *verb, struct slice secret, struct err *err) SUSPENDS
{
	AUTO(buf_wipe) struct buf line = { 0 };
	size_t n = strlen(verb);
	if (buf_reserve(&line, n + secret.n / 3 * 4 + 8) < 0 ||
	    buf_add(&line, slice_str(verb)) < 0 || db_base64_put(secret, &line) < 0)
		return no_memory(err);
	c->secret = slice_from(buf_slice(&line), n);
	int r = smtp_conn_ask(c, buf_slice(&line), err);
	if (r == 0 && c->reply.code != 334 && c->reply.code != 235) {
		smtp_conn_refused(c, S("AUTH"), err);
		r = -1;
	}
	c->secret = (struct slice){ 0 };
	return r;
}

/* What came with a 334. */
static int read_challenge(struct smtp_conn *c, struct buf *out, struct err *err)
{
	if (c->reply.code == 334 && db_base64_read(slice_trim(buf_slice(&c->reply.text)), out) == 0)
		return 0;
	c->broken = true;
	return fail(err, FAULT_PROTOCOL, "'%s' port %u: AUTH: its challenge is no base64",
		    c->wire->origin->host, c->wire->origin->port);
}

/* ---- the mechanisms --------------------------------------------------------------------------------------- */

static int auth_plain(struct smtp_conn *c, struct err *err) SUSPENDS
{
	const struct smtp_options *o = &c->smtp->options;
	AUTO(buf_wipe) struct buf text = { 0 };
	if (buf_reserve(&text, o->user.n + o->password.n + 2) < 0 || buf_add_char(&text, 0) < 0 ||
	    buf_add(&text, o->user) < 0 || buf_add_char(&text, 0) < 0 ||
	    buf_add(&text, o->password) < 0)
		return no_memory(err);
	return say(c, "AUTH PLAIN ", buf_slice(&text), err);
}

static int auth_login(struct smtp_conn *c, struct err *err) SUSPENDS
{
	const struct smtp_options *o = &c->smtp->options;
	if (say(c, "AUTH LOGIN", S(""), err) < 0)
		return -1;
	if (c->reply.code == 334 && say(c, "", o->user, err) < 0)
		return -1;
	return c->reply.code == 334 ? say(c, "", o->password, err) : 0;
}

static int auth_cram_md5(struct smtp_conn *c, struct err *err) SUSPENDS
{
	const struct smtp_options *o = &c->smtp->options;
	AUTO(buf_done) struct buf challenge = { 0 }, text = { 0 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (say(c, "AUTH CRAM-MD5", S(""), err) < 0 || read_challenge(c, &challenge, err) < 0)
		return -1;
	if (!HMAC(EVP_md5(), o->password.p ? o->password.p : "", (int)o->password.n,
		  (const unsigned char *)challenge.p, challenge.n, digest, &n) ||
	    n != MD5_SIZE)
		return fail(err, FAULT_CONFIG, "CRAM-MD5: OpenSSL has no MD5 here");
	if (buf_printf(&text, "%.*s ", SLICE(o->user)) < 0)
		return no_memory(err);
	for (unsigned i = 0; i < n; i++)
		if (buf_printf(&text, "%02x", digest[i]) < 0)
			return no_memory(err);
	return say(c, "", buf_slice(&text), err);
}

/* "," and "=" in a GS2 name (RFC 5801 section 4). */
static int put_saslname(struct slice name, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < name.n; i++)
		r = name.p[i] == ','   ? buf_add(out, S("=2C"))
		    : name.p[i] == '=' ? buf_add(out, S("=3D"))
				       : buf_add_char(out, name.p[i]);
	return r;
}

/* A no comes as a challenge with reasons, which must be answered before the reply (RFC 7628 section 3.2.3). */
static int finish_bearer(struct smtp_conn *c, struct slice answer, struct err *err) SUSPENDS
{
	return c->reply.code == 334 ? say(c, "", answer, err) : 0;
}

static int auth_oauthbearer(struct smtp_conn *c, struct err *err) SUSPENDS
{
	const struct smtp_options *o = &c->smtp->options;
	AUTO(buf_wipe) struct buf text = { 0 };
	if (buf_reserve(&text, 3 * o->user.n + o->host.n + o->bearer.n + 64) < 0 ||
	    buf_add(&text, S("n,")) < 0 || (o->user.n && buf_add(&text, S("a=")) < 0) ||
	    put_saslname(o->user, &text) < 0 ||
	    buf_printf(&text, ",\001host=%.*s\001port=%u\001auth=Bearer %.*s\001\001",
		       SLICE(o->host), o->port, SLICE(o->bearer)) < 0)
		return no_memory(err);
	if (say(c, "AUTH OAUTHBEARER ", buf_slice(&text), err) < 0)
		return -1;
	return finish_bearer(c, S("\001"), err);
}

static int auth_xoauth2(struct smtp_conn *c, struct err *err) SUSPENDS
{
	const struct smtp_options *o = &c->smtp->options;
	AUTO(buf_wipe) struct buf text = { 0 };
	if (buf_reserve(&text, o->user.n + o->bearer.n + 64) < 0 ||
	    buf_printf(&text, "user=%.*s\001auth=Bearer %.*s\001\001", SLICE(o->user),
		       SLICE(o->bearer)) < 0)
		return no_memory(err);
	if (say(c, "AUTH XOAUTH2 ", buf_slice(&text), err) < 0)
		return -1;
	return finish_bearer(c, S(""), err);
}

/* ---- choosing --------------------------------------------------------------------------------------------- */

struct mechanism {
	unsigned bit;
	int (*run)(struct smtp_conn *, struct err *) SUSPENDS;
};
static const struct mechanism tokens[] = { { SMTP_OAUTHBEARER, auth_oauthbearer },
					   { SMTP_XOAUTH2, auth_xoauth2 },
					   { 0, NULL } },
			      secure[] = { { SMTP_PLAIN, auth_plain },
					   { SMTP_LOGIN, auth_login },
					   { SMTP_CRAM_MD5, auth_cram_md5 },
					   { 0, NULL } },
			      bare[] = { { SMTP_CRAM_MD5, auth_cram_md5 },
					 { SMTP_PLAIN, auth_plain },
					 { SMTP_LOGIN, auth_login },
					 { 0, NULL } };

static const struct mechanism *choose(const struct smtp_conn *c)
{
	const struct mechanism *m = c->smtp->options.bearer.n ? tokens
				    : c->wire->tls            ? secure
							      : bare;
	while (m->bit && !(c->mechanisms & m->bit))
		m++;
	return m;
}

/* 530, 534, 535, 538 and whatever else is no for good: the next mail would hear the same. */
static int judge(struct err *err)
{
	if (err->fault != FAULT_SMTP)
		return -1;
	err->whole = err->code < 500;
	if (err->code >= 500)
		err->fault = FAULT_CONFIG;
	return -1;
}

int smtp_conn_auth(struct smtp_conn *c, struct err *err)
{
	const struct smtp_options *o = &c->smtp->options;
	const struct http_origin *origin = c->wire->origin;
	if (!c->wire->tls && !o->plain_auth)
		return fail(err, FAULT_CONFIG,
			    "'%s' port %u: a password is not sent without TLS: write starttls: "
			    "required, or smtps://",
			    origin->host, origin->port);
	const struct mechanism *m = choose(c);
	if (!m->bit)
		return fail(err, FAULT_CONFIG,
			    "'%s' port %u offers none of the ways to say who we are: %s; if it "
			    "asks nobody, leave user and password out of its URL",
			    origin->host, origin->port,
			    o->bearer.n ? "OAUTHBEARER, XOAUTH2" : "PLAIN, LOGIN, CRAM-MD5");
	if (m->run(c, err) < 0)
		return judge(err);
	if (c->reply.code == 235)
		return 0;
	smtp_conn_refused(c, S("AUTH"), err); /* a 334 too many */
	return judge(err);
}
