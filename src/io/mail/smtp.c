/* smtp.c - handing mails to a server: the client, and who gets which connection
 *
 * What this room is for: connections that are kept, because each costs up to seven round trips before the first mail.
 * What flows through:    a mail and its outcome.
 *
 *   smtp_send --> a place --> at rest? ----- quiet? --> MAIL ... ------ ended well ----> at rest again
 *                               | none        '-- no: closed           |
 *                               v                                      '-- broke off ---> closed
 *                             opened            the first reply is 421, or none comes: opened, once more
 *
 * What must hold:
 *  (1) at most `connections` calls hold a place, so there are never more connections: one that rests is taken before one is made.
 *  (2) a connection is in `resting` or in a call's hands, never in both.
 *  (3) what a kept connection's server did while nobody looked is no failure of the mail: it is asked once more, on a new connection.
 *      After its first reply everything is the mail's. */
#include "io/dns.h"
#include "io/mail/smtp_.h"
#include "io/test_hosts.h"
#include "io/tls.h"
#include "io/token.h"
#include <errno.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <stdlib.h>

#define CONNECT_NS (10 * HK_SEC)
#define REPLY_NS   (60 * HK_SEC)
#define DATA_NS    (600 * HK_SEC)
#define REST_NS    (60 * HK_SEC) /* servers wait for 5 minutes, firewalls often less */
#define CLOSE_NS   HK_SEC

/* ---- life ---------------------------------------------------------------------------------------------- */

static struct slice copy(struct slice s)
{
	return (struct slice){ s.n ? xstrndup(s.p, s.n) : NULL, s.n };
}

static void drop(struct slice *s)
{
	if (s->p)
		explicit_bzero((void *)(uintptr_t)s->p, s->n);
	free((void *)(uintptr_t)s->p);
	*s = (struct slice){ 0 };
}

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

static int check_options(const struct smtp_options *o, struct err *err)
{
	static const struct {
		const char *name;
		size_t at;
	} texts[] = { { "host", offsetof(struct smtp_options, host) },
		      { "user", offsetof(struct smtp_options, user) },
		      { "password", offsetof(struct smtp_options, password) },
		      { "bearer", offsetof(struct smtp_options, bearer) },
		      { "hello", offsetof(struct smtp_options, hello) } };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct slice *s = (const void *)((const char *)o + texts[i].at);
		if (has_control(*s))
			return fail(err, FAULT_CONFIG, "the mail server's %s has a control in it",
				    texts[i].name);
	}
	if (!o->host.n || o->host.n > DNS_NAME_MAX)
		return fail(err, FAULT_CONFIG, "no mail server is named");
	if (o->hello.n && memchr(o->hello.p, ' ', o->hello.n))
		return fail(err, FAULT_CONFIG, "what EHLO says has a blank in it");
	if (o->password.n && !o->user.n)
		return fail(err, FAULT_CONFIG, "the mail server has a password, and no user");
	return 0;
}

static void fill_defaults(struct smtp_options *o)
{
	if (!o->port)
		o->port = o->tls == SMTP_TLS_AT_ONCE ? 465 : 587;
	o->connect_ns = o->connect_ns > 0 ? o->connect_ns : CONNECT_NS;
	o->reply_ns = o->reply_ns > 0 ? o->reply_ns : REPLY_NS;
	o->data_ns = o->data_ns > 0 ? o->data_ns : DATA_NS;
	o->connections = o->connections ? o->connections : 1;
}

static void copy_options(struct smtp *s, const struct smtp_options *o)
{
	s->options = *o;
	s->options.host = copy(o->host);
	s->options.user = copy(o->user);
	s->options.password = copy(o->password);
	s->options.bearer = copy(o->bearer);
	s->options.hello = copy(o->hello);
	s->options.ca_file = o->ca_file ? xstrndup(o->ca_file, strlen(o->ca_file)) : NULL;
	fill_defaults(&s->options);
}

/* Test builds: a name that leads to a local port is spoken to in the open, as https is there. */
static void follow_test_host(struct smtp *s)
{
	struct dns_answer ignored;
	if (!test_hosts_find(s->origin->host, s->origin->port, &ignored))
		return;
	if (s->options.tls != SMTP_TLS_AT_ONCE)
		s->options.tls = SMTP_TLS_NEVER;
	s->options.plain_auth = true;
}

int smtp_open(const struct smtp_options *o, struct smtp **ret, struct err *err)
{
	*ret = NULL;
	if (check_options(o, err) < 0)
		return -1;
	struct smtp *s = xcalloc(1, sizeof(*s));
	copy_options(s, o);
	s->clocks = (struct http_clocks){ .connect_ns = s->options.connect_ns,
					  .tls_ns = s->options.reply_ns };
	http_pool_init(&s->pool, 0, REST_NS);
	s->pool.forget_session = tls_forget_session;
	struct url url = { .host = s->options.host,
			   .port = s->options.port,
			   .tls = s->options.tls == SMTP_TLS_AT_ONCE };
	s->origin = http_pool_origin(&s->pool, &url, s->options.insecure, NULL);
	s->dns = dns_new();
	s->places = HK_SEM(s->options.connections);
	follow_test_host(s);
	*ret = s;
	return 0;
}

static void smtp_free(struct smtp *s)
{
	struct smtp_options *o = &s->options;
	http_origin_release(&s->pool, s->origin);
	http_pool_done(&s->pool);
	spare_done(&s->spare);
	tls_context_free(s->tls);
	dns_free(s->dns);
	drop(&o->host);
	drop(&o->user);
	drop(&o->password);
	drop(&o->bearer);
	drop(&o->hello);
	free((void *)(uintptr_t)o->ca_file);
	free(s);
}

/* To all at once: a second is for all of them, however many there are and whoever does not answer. */
static void quit_all(struct smtp *s) SUSPENDS
{
	struct hk_scope patience;
	struct err ignored = { 0 };
	hk_scope_open_shield(&patience, CLOSE_NS);
	for (struct smtp_conn *c = s->resting; c; c = c->below)
		(void)!smtp_conn_write(c, S("QUIT\r\n"), &ignored);
	for (struct smtp_conn *c = s->resting; c; c = c->below)
		if (!c->broken)
			(void)!smtp_conn_read(c, CLOSE_NS, &ignored);
	(void)hk_scope_close(&patience, 0);
}

void smtp_close(struct smtp *s)
{
	struct smtp_conn *c;
	if (!s)
		return;
	ASSERT(s->calls == 0);
	quit_all(s);
	while ((c = s->resting)) {
		s->resting = c->below;
		smtp_conn_close(c);
	}
	smtp_free(s);
}

void smtp_outcome_done(struct smtp_outcome *o)
{
	buf_done(&o->storage);
	o->text = (struct slice){ 0 };
}

/* ---- connections -------------------------------------------------------------------------------------------- */

/* The youngest that is still good; those found closed on the way go. */
static struct smtp_conn *take_resting(struct smtp *s)
{
	struct smtp_conn *c;
	while ((c = s->resting)) {
		s->resting = c->below;
		c->below = NULL;
		if (hk_now_ns() - c->rest_since_ns < REST_NS && c->in.n == 0 &&
		    c->wire->wire->quiet(c->wire))
			return c;
		smtp_conn_close(c);
	}
	return NULL;
}

static void give_back(struct smtp *s, struct smtp_conn *c) SUSPENDS
{
	unsigned most = s->options.per_connection;
	if (!c->broken && c->in.n > 0)
		c->broken = true; /* it says more than it was asked */
	if (!c->broken && most && c->mails >= most)
		smtp_conn_quit(c);
	if (c->broken) {
		smtp_conn_close(c);
		return;
	}
	c->rest_since_ns = hk_now_ns();
	c->below = s->resting;
	s->resting = c;
}

/* A kept connection failed before its server said anything to this mail, or said that it is closing. */
static bool was_stale(const struct smtp_conn *c, const struct err *err)
{
	if (c->replies == 0)
		return err->fault == FAULT_RESET;
	return c->replies == 1 && c->reply.code == 421;
}

/* ---- a mail --------------------------------------------------------------------------------------------------- */

static void begin(struct smtp_mail *m, struct smtp_outcome *ret, struct err *err)
{
	buf_clear(&ret->storage);
	ret->code = 0;
	ret->text = (struct slice){ 0 };
	for (size_t i = 0; i < m->to_n; i++) {
		m->to[i].fate = SMTP_NOT_ASKED;
		m->to[i].code = 0;
		m->to[i].text = (struct slice){ 0 };
	}
	*err = (struct err){ 0 };
}

static int send_on_a_connection(struct smtp *s, struct smtp_mail *m, const struct smtp_traits *t,
				struct smtp_outcome *ret, struct err *err) SUSPENDS
{
	struct smtp_conn *c = take_resting(s);
	bool kept = c != NULL;
	if (!c && smtp_conn_open(s, &c, err) < 0)
		return -1;
	int r = smtp_conn_mail(c, m, t, ret, err);
	bool again = r < 0 && kept && was_stale(c, err);
	give_back(s, c);
	if (!again)
		return r;
	begin(m, ret, err);
	if (smtp_conn_open(s, &c, err) < 0)
		return -1;
	r = smtp_conn_mail(c, m, t, ret, err);
	give_back(s, c);
	return r;
}

int smtp_send(struct smtp *s, struct smtp_mail *m, struct smtp_outcome *ret, struct err *err)
{
	struct smtp_traits traits;
	struct err unread;
	err = err ? err : &unread;
	*ret = (struct smtp_outcome){ 0 };
	begin(m, ret, err);
	if (smtp_mail_check(m, &traits, err) < 0)
		return -1;
	int r = hk_sem_acquire(&s->places);
	if (r < 0)
		return fail_errno(err, FAULT_IO, r, "waiting for a connection to '%s'",
				  s->origin->host);
	s->calls++;
	r = send_on_a_connection(s, m, &traits, ret, err);
	s->calls--;
	hk_sem_release(&s->places);
	return r;
}
